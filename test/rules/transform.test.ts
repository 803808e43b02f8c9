import { expect, test } from 'vitest';

import type { Rule } from '../../src/core/rule.ts';
import { isRuleError, parseRules } from '../../src/rules/index.ts';

const text = `rules:
  - name: files
    protocol: file
    to: https://a.example
  - name: others
    host: other.dev
    protocol: file
    to: https://c.example
`;

const leadTo =
  (to: string) =>
  (rules: readonly Rule[]): readonly Rule[] =>
    rules.map((rule) => (rule.name === 'files' ? { ...rule, to } : rule));

test('rules are compiled as they are changed', () => {
  const { rules } = parseRules(text, { file: 'turnout.yaml', transform: leadTo('https://b.example') });
  expect(rules.map(({ upstreams }) => upstreams[0]?.origin)).toEqual([
    'https://b.example',
    'https://c.example',
  ]);
});

test('a mistake of the change is told at the place of the rule', () => {
  try {
    parseRules(text, { file: 'turnout.yaml', transform: leadTo('ht!tp://x') });
    expect.unreachable();
  } catch (error) {
    if (!isRuleError(error)) throw error;
    expect(error.issues).toMatchObject([{ code: 'invalid_target', position: { line: 4 } }]);
  }
});

test('rules with a mistake are not changed', () => {
  let called = false;
  const transform = (rules: readonly Rule[]) => {
    called = true;
    return rules;
  };
  expect(() => parseRules(text.replace('file\n', 'fil\n'), { file: 'x.yaml', transform })).toThrow(
    /did you mean/,
  );
  expect(called).toBe(false);
});
