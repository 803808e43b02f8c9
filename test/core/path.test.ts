import fc from 'fast-check';
import { compile as compileTheirs, pathToRegexp, TokenData } from 'path-to-regexp';
import { describe, expect, test, vi } from 'vitest';

import { definePath, flatten, listNames, parseTemplate } from '../../src/core/path.ts';
import { PatternError, type TemplateToken } from '../../src/core/pattern.ts';

// Thousands of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const text = (value: string): TemplateToken => ({ type: 'text', value });
const param = (name: string): TemplateToken => ({ type: 'param', name });
const wildcard = (name: string): TemplateToken => ({ type: 'wildcard', name });
const group = (...tokens: TemplateToken[]): TemplateToken => ({ type: 'group', tokens });

describe('parsing a template', () => {
  test.each<[template: string, tokens: readonly TemplateToken[]]>([
    ['', []],
    ['/a', [text('/a')]],
    ['/:a', [text('/'), param('a')]],
    ['/:a-:b.tgz', [text('/'), param('a'), text('-'), param('b'), text('.tgz')]],
    ['/:"a b"c', [text('/'), param('a b'), text('c')]],
    ['/:"a\\"b"', [text('/'), param('a"b')]],
    ['acme/*image', [text('acme/'), wildcard('image')]],
    ['/{:a/}:b', [text('/'), group(param('a'), text('/')), param('b')]],
    ['/a{/:b{/:c}}', [text('/a'), group(text('/'), param('b'), group(text('/'), param('c')))]],
    // A `*` without a name is numbered.
    ['acme/*', [text('acme/'), wildcard('0')]],
    ['*/x/*', [wildcard('0'), text('/x/'), wildcard('1')]],
    ['{*}/*', [group(wildcard('0')), text('/'), wildcard('1')]],
    ['*0', [wildcard('0'), text('0')]],
    ['*-*rest-*', [wildcard('0'), text('-'), wildcard('rest'), text('-'), wildcard('1')]],
    ['*"0"/*"a*b"', [wildcard('0'), text('/'), wildcard('a*b')]],
    ['*größe', [wildcard('größe')]],
    ['*$a*_b', [wildcard('$a'), wildcard('_b')]],
    // An escaped character is text.
    ['\\*/\\:a/\\{b\\}', [text('*/:a/{b}')]],
    ['a\\\\*', [text('a\\'), wildcard('0')]],
    ['/a\\+b\\(c\\)\\[d\\]\\!\\?', [text('/a+b(c)[d]!?')]],
    // What a request never has raw is encoded, and nothing is encoded twice.
    ['/é b', [text('/%C3%A9%20b')]],
    ['/%C3%A9%2f', [text('/%C3%A9%2f')]],
    ['/😀\u0000\r\n', [text('/%F0%9F%98%80%00%0D%0A')]],
  ])('%j', (template, tokens) => {
    expect(parseTemplate(template)).toEqual(tokens);
  });

  test.each<[template: string, message: string]>([
    ['/a?', '`?` has a meaning of its own here; write `\\?` for the character'],
    ['/a+', '`+` has a meaning of its own here; write `\\+` for the character'],
    ['/a!', '`!` has a meaning of its own here; write `\\!` for the character'],
    ['/(a)', '`(` has a meaning of its own here; write `\\(` for the character'],
    ['/a)', '`)` has a meaning of its own here; write `\\)` for the character'],
    ['/[a]', '`[` has a meaning of its own here; write `\\[` for the character'],
    ['/a]', '`]` has a meaning of its own here; write `\\]` for the character'],
    ['/a}', '`}` has a meaning of its own here; write `\\}` for the character'],
    ['/{a', 'Unexpected end at index 3, expected }'],
    ['/a\\', 'Unexpected end after \\ at index 3'],
    ['/:', 'Missing parameter name at index 2'],
    ['/::a', 'Missing parameter name at index 2'],
    ['/:"a', 'Unterminated quote at index 2'],
    ['/:""', 'Missing parameter name at index 4'],
    ['/\ud800', 'it has half of a character, a lone surrogate'],
    ['/:"\udfff"', 'it has half of a character, a lone surrogate'],
    ['/:__proto__', '`__proto__` cannot be the name of a variable'],
    ['/{*__proto__}', '`__proto__` cannot be the name of a variable'],
  ])('%j is refused', (template, message) => {
    expect(() => parseTemplate(template)).toThrow(new PatternError(message));
  });

  test('any text is parsed or refused, however deep', () => {
    const characters = [...':*{}()[]+?!\\"/-', 'a', 'é', '\ud800', '$', '0'];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...characters), maxLength: 20 }), (template) => {
        try {
          flatten(parseTemplate(template));
        } catch (error) {
          expect(error).toBeInstanceOf(PatternError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['{'.repeat(4096), 'Unexpected end'],
    ['{'.repeat(2048) + '}'.repeat(2048), 'more than 256 combinations'],
    [`/${'a'.repeat(4096)}`, 'it is longer than 4096 characters'],
    ['{'.repeat(100_000), 'it is longer than 4096 characters'],
  ])('a template that is long or deep is refused (%#)', (template, message) => {
    expect(() => flatten(parseTemplate(template))).toThrow(PatternError);
    expect(() => flatten(parseTemplate(template))).toThrow(message);
  });

  test('text without variables is written as it is read', () => {
    const characters = [...'/-._~%:@ab', 'é'];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...characters), maxLength: 20 }), (raw) => {
        const escaped = raw.replaceAll(':', '\\:');
        const theirs = compileTheirs(new TokenData(parseTemplate(escaped) as never), { encode: false })({});
        expect(theirs).toBe(raw.replaceAll('é', '%C3%A9'));
      }),
    );
  });
});

describe('flattening groups', () => {
  test.each<[template: string, alternatives: readonly string[]]>([
    ['', ['']],
    ['a', ['a']],
    ['a{b}', ['ab', 'a']],
    ['{a}{b}', ['ab', 'a', 'b', '']],
    ['{a{b}}c', ['abc', 'ac', 'c']],
    ['a{/:b}', ['a/<b>', 'a']],
    ['a{b}c', ['abc', 'ac']],
    ['{{{a}}}', ['a', '', '', '']],
  ])('%s has the alternatives %j', (template, alternatives) => {
    const shown = flatten(parseTemplate(template)).map((tokens) =>
      tokens.map((token) => (token.type === 'text' ? token.value : `<${token.name}>`)).join(''),
    );
    expect(shown).toEqual(alternatives);
  });

  test('neighbouring texts become one', () => {
    expect(flatten(parseTemplate('a{b}c'))[0]).toEqual([text('abc')]);
  });

  test.each([8, 9])('of %i groups in a row, 8 are allowed, as path-to-regexp does', (count) => {
    const template = '/{a}'.repeat(count);
    const ours = () => flatten(parseTemplate(template));
    const theirs = () => pathToRegexp(template);
    if (count === 8) {
      expect(ours()).toHaveLength(256);
      expect(theirs).not.toThrow();
    } else {
      expect(ours).toThrow(new PatternError('it has more than 256 combinations of optional groups'));
      expect(theirs).toThrow();
    }
  });

  test('many groups are refused before they multiply', () => {
    expect(() => flatten(parseTemplate('{a}'.repeat(1000)))).toThrow(PatternError);
  });
});

test('variables are listed in their order, with those of groups', () => {
  expect(listNames(parseTemplate('/:a{/*b{:c}}-:d'))).toEqual(['a', 'b', 'c', 'd']);
});

describe('a path codec', () => {
  const simple = definePath<{ project: string }>('/simple/:project/');
  const packages = definePath<{ path: string }>('/packages/*path');

  test.each([
    ['/simple/foo/', { project: 'foo' }],
    ['/simple/a%2Fb/', { project: 'a%2Fb' }],
    ['/simple/foo', undefined],
    ['/Simple/foo/', undefined],
    ['/simple//', undefined],
    ['/simple/a/b/', undefined],
  ])('reads %s', (path, params) => {
    expect(simple.read(path)).toEqual(params);
    if (params) expect(simple.write(params)).toBe(path);
  });

  test('writes what it has read, byte for byte', () => {
    const path = '/packages/ab/cd/x-1.0%2Blocal.tar.gz';
    expect(packages.write(packages.read(path)!)).toBe(path);
  });

  test('is not made of what is no pattern', () => {
    expect(() => definePath('/(a)')).toThrow(PatternError);
    expect(() => definePath('/:a:b')).toThrow(PatternError);
  });
});
