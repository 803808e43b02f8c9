import { expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { isRuleError } from '../../src/core/errors.ts';
import type { Protocol } from '../../src/core/protocol.ts';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { type FileResource, file } from '../../src/protocols/file.ts';

/** Files of a host with short forms, whose last segment is the variable `file`, and the one before `tag`, if there is one. */
const assets: Protocol<FileResource> = {
  ...file,
  variables: ['file', 'tag'],
  values({ path }): Record<string, string> {
    const [name = '', tag] = path.split('/').reverse();
    return tag ? { file: name, tag } : { file: name };
  },
  expandTarget(text) {
    const [, kind, rest] = /^([a-z]+):([a-z].*)$/.exec(text) ?? [];
    if (kind === undefined) return undefined;
    return kind === 'hub'
      ? { kind, url: `https://hub.example/${rest}` }
      : `\`${kind}\` is no kind; write \`hub:\`.`;
  },
  rename: (resource, path, { kind }) => ({ ...resource, path: kind ? `/${kind}${path}` : path }),
};

function go(config: RuleConfig, path: string): unknown {
  const decision = decide(compileRules([rule(assets, config)]), {
    method: 'GET',
    scheme: 'https',
    host: 'get.acme.dev',
    path,
  });
  if (decision.type === 'redirect') return decision.location;
  return decision.type === 'respond' ? [decision.status, decision.body] : decision.type;
}

test.each<[config: RuleConfig, path: string, result: unknown]>([
  [{ to: 'dl.example/:tag/:file' }, '/1.0/a.tgz', 'https://dl.example/1.0/a.tgz'],
  [{ to: 'dl.example/:tag/:file' }, '/a.tgz', [404, 'There is no tag in this address.\n']],
  [{ to: 'dl.example/x{/:tag}/:file' }, '/a.tgz', 'https://dl.example/x/a.tgz'],
  [{ match: '/:tag/*', to: 'dl.example/v:tag/:file' }, '/1/2/a', 'https://dl.example/v1/a'],
  [{ to: 'hub:acme' }, '/a/b', 'https://hub.example/hub/acme/a/b'],
])('%j leads %s to %j', (config, path, result) => {
  expect(go(config, path)).toEqual(result);
});

test.each<[to: string, message: string]>([
  ['cub:acme', '`cub` is no kind; write `hub:`.'],
  ['dl.example/:fil', '`match` has no variable `fil`; did you mean `file`?'],
  ['dl.example/:nothing', '`match` has no variable `nothing`; it has `file`, `tag`.'],
])('%s is a mistake', (to, message) => {
  try {
    compileRules([rule(assets, { to })]);
    expect.unreachable();
  } catch (error) {
    expect(isRuleError(error) && error.issues.map((issue) => issue.message)).toEqual([message]);
  }
});

test.each<[match: RuleConfig['match'], to: string, result: unknown]>([
  [['/a/:v', '/b/*v'], 'dl.example/:v', 'https://dl.example/1'],
  [['/b/:v', '/a/:w'], 'dl.example/x{/:v}{/:w}', 'https://dl.example/x/1'],
  [['/a/:v', '/b/:w'], 'dl.example/:v', 'optional_parameter'],
  [['/a/:v', 'b'], 'dl.example', 'invalid_match'],
  [[], 'dl.example', 'invalid_match'],
])('a list of patterns: %j', (match, to, result) => {
  try {
    expect(go({ match, to }, '/a/1')).toBe(result);
  } catch (error) {
    if (!isRuleError(error)) throw error;
    expect(error.issues.map(({ code }) => code)).toEqual([result]);
  }
});
