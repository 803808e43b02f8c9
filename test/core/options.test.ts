import { describe, expect, test } from 'vitest';
import { checkOptions, type OptionShape } from '../../src/core/options.ts';

const shape: OptionShape = {
  key: { type: 'text', pattern: /^https:/, expected: 'an address', description: 'A key.', required: true },
  all: { type: 'flag', expected: '`true` or `false`', description: 'All.' },
  most: { type: 'number', least: 1, most: 9, expected: 'a number from 1 to 9', description: 'Most.' },
  kind: { type: 'word', words: ['a', 'b'], expected: '`a` or `b`', description: 'Kind.' },
  files: {
    type: 'list',
    expected: 'a list of files',
    description: 'Files.',
    of: {
      type: 'record',
      expected: 'a mapping with `name`',
      keys: { name: { type: 'text', expected: 'a name', description: 'Name.', required: true } },
    },
  },
  links: {
    type: 'map',
    expected: 'a mapping',
    description: 'Links.',
    of: { type: 'text', expected: 'an address' },
  },
};

describe('options are checked against what their protocol describes', () => {
  test.each<[title: string, options: unknown, issues: readonly string[]]>([
    [
      'all of them right',
      { key: 'https:x', all: true, most: 9, kind: 'b', files: [{ name: 'n' }], links: { x: 'y' } },
      [],
    ],
    ['only what is required', { key: 'https:x' }, []],
    ['what is required left out', {}, ['missing_key : The option `key` is missing; write an address.']],
    ['no mapping', 'x', ['invalid_value : Write a mapping.']],
    ['another text', { key: 'http:x' }, ['invalid_value key: Write an address.']],
    ['a text of two lines', { key: 'https:\n' }, ['invalid_value key: Write an address.']],
    [
      'a number out of range',
      { key: 'https:x', most: 10 },
      ['invalid_value most: Write a number from 1 to 9.'],
    ],
    ['a fraction', { key: 'https:x', most: 1.5 }, ['invalid_value most: Write a number from 1 to 9.']],
    ['another word', { key: 'https:x', kind: 'c' }, ['invalid_value kind: Write `a` or `b`.']],
    ['no flag', { key: 'https:x', all: 'yes' }, ['invalid_value all: Write `true` or `false`.']],
    ['no list', { key: 'https:x', files: {} }, ['invalid_value files: Write a list of files.']],
    [
      'mistakes in two items',
      { key: 'https:x', files: [{}, { nam: 'n' }, 'x'] },
      [
        'missing_key files.0: The option `name` is missing; write a name.',
        'unknown_key files.1.nam: There is no option `nam`; did you mean `name`?',
        'missing_key files.1: The option `name` is missing; write a name.',
        'invalid_value files.2: Write a mapping with `name`.',
      ],
    ],
    [
      'a wrong value of a mapping',
      { key: 'https:x', links: { x: 1 } },
      ['invalid_value links.x: Write an address.'],
    ],
    [
      'a name that nobody knows',
      { key: 'https:x', zzzzzzzz: 1 },
      [
        'unknown_key zzzzzzzz: There is no option `zzzzzzzz`; there is `key`, `all`, `most`, `kind`, `files`, `links`.',
      ],
    ],
    [
      'a name of every object',
      { key: 'https:x', constructor: 1 },
      [
        'unknown_key constructor: There is no option `constructor`; there is `key`, `all`, `most`, `kind`, `files`, `links`.',
      ],
    ],
  ])('%s', (_, options, issues) => {
    expect(check(shape, options)).toEqual(issues);
  });

  test('a protocol without options takes none', () => {
    expect(check({}, { key: 1 })).toEqual(['unknown_key key: There is no option `key` here; leave it out.']);
  });
});

function check(keys: OptionShape, options: unknown): readonly string[] {
  const issues: string[] = [];
  checkOptions(keys, options, (code, key, message) => issues.push(`${code} ${key.join('.')}: ${message}`));
  return issues;
}
