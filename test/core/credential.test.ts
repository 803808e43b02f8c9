import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';

import { compileRules, type RuleSet } from '../../src/core/compile.ts';
import { type Credential, credentialOf } from '../../src/core/credential.ts';
import { route } from '../../src/core/decide.ts';
import { explain } from '../../src/core/explain.ts';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';

const own: Credential = { username: 'robot', password: 'SECRET-1' };
const shared: Credential = { token: 'SECRET-2' };

const ruleSet: RuleSet = compileRules([
  rule(file, { to: [{ url: 'https://a.example', auth: own }, 'https://b.example'], auth: shared }),
  rule(file, { host: 'open.example', to: 'https://c.example' }),
]);
const request = { method: 'GET', scheme: 'https', host: 'get.acme.example', path: '/x' } as const;

test("an upstream holds its own credential, else the rule's, else none", () => {
  const upstreams = ruleSet.rules.flatMap((each) => each.upstreams);
  expect(upstreams.map(credentialOf)).toEqual([own, shared, undefined]);
  expect(upstreams.map((upstream) => upstream.authenticated)).toEqual([true, true, false]);
});

describe('a credential is shown by', () => {
  const values: readonly (readonly [string, unknown])[] = [
    ['a rule set', ruleSet],
    ['a route', route(ruleSet, request)],
    ['an explanation', explain(ruleSet, request)],
  ];
  const ways: readonly (readonly [string, (value: unknown) => string])[] = [
    ['JSON.stringify', (value) => JSON.stringify(value)],
    ['util.inspect', (value) => inspect(value, { depth: null })],
    ['a copy by its keys', (value) => inspect({ ...(value as object) }, { depth: null })],
  ];
  test.each(values.flatMap(([what, value]) => ways.map(([how, show]) => [how, what, value, show] as const)))(
    'not %s of %s',
    (_how, _what, value, show) => {
      expect(show(value)).not.toContain('SECRET');
    },
  );
});

test('a copy of an upstream has no credential', () => {
  expect(credentialOf({ ...ruleSet.rules[0]?.upstreams[0] })).toBeUndefined();
});
