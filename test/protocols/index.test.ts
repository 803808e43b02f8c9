import { expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { rule } from '../../src/core/rule.ts';
import { protocols } from '../../src/protocols/index.ts';

test('protocols are listed by name, each once', () => {
  const names = protocols.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)].sort());
});

test.each([
  ['/v2/acme/app/manifests/1', 'oci'],
  ['/v2/', 'oci'],
  ['/v2/acme/cli-1.0.tgz', 'oci'],
  ['/@acme%2fcli', 'npm'],
  ['/cli/v1.0/acme.tar.gz', 'file'],
  ['/@acme%2fcli%2fx', 'file'],
])('on one host and mount, %s is of %s', (path, name) => {
  // Import paths, channels of Nix and plain files are any path, so that only one of them shares its mount; links and listed files are names of a list.
  const shared = protocols.filter(
    (protocol) => !['link', 'nix', 'pyindex', 'vanity'].includes(protocol.name),
  );
  const rules = shared.map((protocol) => rule(protocol, { to: 'https://cdn.example' }));
  for (const order of [rules, [...rules].reverse()]) {
    expect(
      decide(compileRules(order), { method: 'GET', scheme: 'https', host: 'get.acme.example', path }),
    ).toMatchObject({ protocol: name });
  }
});
