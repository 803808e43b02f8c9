import { describe, expect, test } from 'vitest';

import { formatIssue, ISSUE_CODES, isRuleError, RuleError, type RuleIssue } from '../../src/core/errors.ts';

const issue: RuleIssue = {
  code: 'invalid_target',
  path: ['rules', 0, 'to', 1, 'url'],
  message: 'It is wrong.',
};

describe('an issue on one line', () => {
  test.each<[title: string, issue: RuleIssue, line: string]>([
    ['with its path', issue, 'rules[0].to[1].url invalid_target: It is wrong.'],
    ['of the whole file', { ...issue, path: [] }, 'invalid_target: It is wrong.'],
    [
      'with its position',
      { ...issue, position: { file: 'turnout.yaml', line: 7, column: 9 } },
      'turnout.yaml:7:9 invalid_target: It is wrong.',
    ],
  ])('%s', (_, each, line) => {
    expect(formatIssue(each)).toBe(line);
  });
});

test('a rule error has every issue, in its message too', () => {
  const other: RuleIssue = { code: 'invalid_host', path: ['rules', 1, 'host'], message: 'So is this.' };
  const cause = new Error('why');
  const error = new RuleError([issue, other], { cause });
  expect(error.issues).toEqual([issue, other]);
  expect(error.message).toBe(
    'rules[0].to[1].url invalid_target: It is wrong.\nrules[1].host invalid_host: So is this.',
  );
  expect(error.name).toBe('RuleError');
  expect(error.cause).toBe(cause);
  expect(error).toBeInstanceOf(Error);
});

test.each<[title: string, value: unknown, is: boolean]>([
  ['a rule error', new RuleError([issue]), true],
  ['a rule error of another copy', Object.assign(new Error('x'), { name: 'RuleError', issues: [] }), true],
  ['another error', new Error('x'), false],
  ['an error of that name without issues', Object.assign(new Error('x'), { name: 'RuleError' }), false],
  ['no error', { name: 'RuleError', issues: [] }, false],
  ['nothing', undefined, false],
])('%s is told from the rest', (_, value, is) => {
  expect(isRuleError(value)).toBe(is);
});

test('codes are sorted, in one form, and none stands twice', () => {
  expect([...ISSUE_CODES]).toEqual([...new Set(ISSUE_CODES)].sort());
  for (const code of ISSUE_CODES) expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
});
