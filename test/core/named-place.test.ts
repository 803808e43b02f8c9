import { expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import type { Delivery, Protocol } from '../../src/core/protocol.ts';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { type FileResource, file } from '../../src/protocols/file.ts';

/** Files whose rule says in its options where each is. */
const listed: Protocol<FileResource> = {
  ...file,
  options: {
    where: { type: 'map', of: { type: 'text', expected: 'a place' }, expected: 'a mapping', description: '' },
  },
  rename: undefined as never,
  deliver({ path }, { options }): Delivery {
    const where = (options.where as Readonly<Record<string, string>>)[path] ?? '';
    const found = where.startsWith('/') ? { place: where } : { to: where };
    return { type: 'redirect', status: 302, ...found, headers: { 'x-own': '1' } };
  },
};

const where = { '/a': '/x/a?b=c', '/b': 'https://other.example/b' };

test.each<[config: RuleConfig, path: string, type: string, address: string]>([
  [{ to: 'c.example' }, '/a', 'redirect 302', 'https://c.example/x/a?b=c'],
  [{ to: 'c.example/base/' }, '/a', 'redirect 302', 'https://c.example/base/x/a?b=c'],
  [{ to: 'c.example', status: 307 }, '/a', 'redirect 307', 'https://c.example/x/a?b=c'],
  [{ to: 'c.example', mode: 'proxy' }, '/a', 'proxy stream', 'https://c.example/x/a?b=c'],
  [{ to: 'c.example', auth: { token: 't' } }, '/a', 'proxy relay', 'https://c.example/x/a?b=c'],
  [{ to: 'http://c.example' }, '/a', 'proxy stream', 'http://c.example/x/a?b=c'],
  [{ to: 'c.example' }, '/b', 'redirect 302', 'https://other.example/b?q=1'],
  [{}, '/b', 'redirect 302', 'https://other.example/b?q=1'],
  [{ status: 307 }, '/b', 'redirect 307', 'https://other.example/b?q=1'],
])('%j leads %s, which its options name, to: %s %s', (config, path, type, address) => {
  const rules = compileRules([rule(listed, { ...config, options: { where }, notice: 'It moves.' })]);
  const decision = decide(rules, {
    method: 'GET',
    scheme: 'https',
    host: 'get.acme.dev',
    path,
    query: 'q=1',
  });
  if (decision.type === 'redirect') {
    expect([`redirect ${decision.status}`, decision.location]).toEqual([type, address]);
    expect(decision.headers).toEqual({ 'x-own': '1', warning: '299 - "It moves."' });
  } else if (decision.type === 'proxy')
    expect([`proxy ${decision.delivery}`, decision.target]).toEqual([type, address]);
  else expect(decision.type).toBe(type);
});
