import { expect, test } from 'vitest';
import { credentialOf } from '../../src/core/credential.ts';
import { decide } from '../../src/core/decide.ts';
import { parseRules } from '../../src/rules/index.ts';
import { issuesOf } from './_fixtures.ts';

const env = { HOST: 'cdn.example', DIR: 'a', N: '307', empty: '', $x: 'no' };

test.each([
  ['https://${HOST}/${DIR}/x', 'https://cdn.example/a/x'],
  ['${HOST}', 'https://cdn.example/x'],
  ['https://cdn.example/x${empty}', 'https://cdn.example/x'],
  ['https://cdn.example/$DIR', 'https://cdn.example/$DIR'],
  // Text in braces is an optional group of path-to-regexp.
  ['https://cdn.example/$${DIR}', 'https://cdn.example/$DIR'],
])('%s leads to %s', (to, location) => {
  const rules = parseRules(`rules: [{ protocol: file, match: /x, to: '${to}' }]`, { file: '', env });
  const decision = decide(rules, { method: 'GET', scheme: 'https', host: 'a.example', path: '/x' });
  expect(decision).toMatchObject({ location });
});

test.each(['YAML', 'JSON'])('variables stand for text in any value of %s, and in no key', (format) => {
  const auth = { token: '${A}$${A}$$${A}${A}' };
  const text = JSON.stringify({ rules: [{ protocol: 'file', to: 'a.example', auth }] });
  const { rules } = parseRules(format === 'JSON' ? text : `${text} # YAML`, {
    file: 'turnout.yaml',
    env: { A: 'x' },
  });
  expect(rules[0]?.upstreams.map(credentialOf)).toEqual([{ token: 'x${A}$${A}x' }]);
  expect(issuesOf('"${A}": 1', { env: { A: 'rules' } })[0]).toMatchObject({
    code: 'unknown_key',
    path: ['${A}'],
  });
});

test('what comes from the environment is never a number, and not YAML', () => {
  const text = 'rules: [{ protocol: file, to: a.example, status: "${N}", downgrade: "${N}" }]';
  expect(issuesOf(text, { env: { N: 'true' } }).map(({ path }) => path.at(-1))).toEqual([
    'status',
    'downgrade',
  ]);
  const { rules } = parseRules('rules: [{ protocol: file, to: a.example, name: "${N}" }]', {
    file: '',
    env: { N: '"#: [' },
  });
  expect(rules[0]?.name).toBe('"#: [');
});

test('a missing variable is named, with what to do', () => {
  expect(issuesOf('rules:\n  - { protocol: file, to: "https://${HOST}/${toString}" }', { env })).toEqual([
    {
      code: 'missing_variable',
      path: ['rules', 0, 'to'],
      message:
        'The environment has no variable `toString`; set it where Turnout is started, or write `$${toString}` if this is meant as text.',
      position: { file: 'turnout.yaml', line: 2, column: 27 },
    },
  ]);
});

test('without an environment no variable is set', () => {
  expect(issuesOf('rules: [{ protocol: file, to: "${PATH}" }]')[0]?.code).toBe('missing_variable');
});

test.each(['${A:-x}', '${A:=x}', '${A:?x}', '${A:+x}', '${A-x}'])('the default in %s is refused', (to) => {
  expect(issuesOf(`rules: [{ protocol: file, to: '${to}' }]`, { env: { A: 'a' } })).toMatchObject([
    {
      code: 'invalid_value',
      message: 'A variable has no default here; write `${A}` and set `A` where Turnout is started.',
    },
  ]);
});
