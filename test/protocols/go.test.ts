import { describe, expect, test } from 'vitest';

import { type GoResource, go } from '../../src/protocols/go.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const asked = (
  title: string,
  path: string,
  resource: GoResource,
  canonical = path,
): ProtocolCase<GoResource> => ({ title, path, canonical, resource });
const sums = (title: string, path: string): ProtocolCase<GoResource> => ({
  title,
  path,
  resource: { type: 'sumdb', path },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<GoResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

const module = 'acme.example/cli';

testProtocol(go, [
  asked('all versions', '/acme.example/cli/@v/list', { type: 'list', module }),
  asked('the latest version', '/acme.example/cli/@latest', { type: 'latest', module }),
  asked('what a version is', '/acme.example/cli/@v/v1.0.0.info', { type: 'info', module, version: 'v1.0.0' }),
  asked('go.mod', '/acme.example/cli/@v/v1.0.0.mod', { type: 'mod', module, version: 'v1.0.0' }),
  asked('a module', '/acme.example/cli/@v/v1.0.0.zip', { type: 'zip', module, version: 'v1.0.0' }),
  {
    title: 'a module by HEAD',
    method: 'HEAD',
    path: '/acme.example/cli/@v/v1.0.0.zip',
    resource: { type: 'zip', module, version: 'v1.0.0' },
  },
  asked('what a branch is', '/acme.example/cli/@v/main.info', { type: 'info', module, version: 'main' }),
  asked('a folder above a module', '/acme.example/@v/list', { type: 'list', module: 'acme.example' }),
  asked('a second major version', '/acme.example/cli/v2/@v/v2.1.0.mod', {
    type: 'mod',
    module: 'acme.example/cli/v2',
    version: 'v2.1.0',
  }),
  asked('a version without go.mod', '/acme.example/cli/@v/v2.0.0+incompatible.zip', {
    type: 'zip',
    module,
    version: 'v2.0.0+incompatible',
  }),
  asked('a commit', '/acme.example/cli/@v/v0.0.0-20260102030405-0123456789ab.zip', {
    type: 'zip',
    module,
    version: 'v0.0.0-20260102030405-0123456789ab',
  }),
  asked('capitals', '/github.com/!acme/!c!l!i/@v/list', { type: 'list', module: 'github.com/Acme/CLI' }),
  asked(
    'capitals, as go asks',
    '/github.com/%21acme/cli/@v/v1.0.0-%21r%21c.1.zip',
    { type: 'zip', module: 'github.com/Acme/cli', version: 'v1.0.0-RC.1' },
    '/github.com/!acme/cli/@v/v1.0.0-!r!c.1.zip',
  ),
  asked(
    'signs with an escape that they need not have',
    '/acme.example/%7Ea%2bb/@v/v1.0.0%2Bincompatible.mod',
    { type: 'mod', module: 'acme.example/~a+b', version: 'v1.0.0+incompatible' },
    '/acme.example/~a+b/@v/v1.0.0+incompatible.mod',
  ),
  asked('a toolchain', '/golang.org/toolchain/@v/v0.0.1-go1.24.0.linux-amd64.zip', {
    type: 'zip',
    module: 'golang.org/toolchain',
    version: 'v0.0.1-go1.24.0.linux-amd64',
  }),

  sums('whether there is a checksum database', '/sumdb/sum.golang.org/supported'),
  sums('the latest tree', '/sumdb/sum.golang.org/latest'),
  sums('a checksum', '/sumdb/sum.golang.org/lookup/github.com/!acme/cli@v1.0.0'),
  sums('a checksum, as go asks', '/sumdb/sum.golang.org/lookup/github.com/%21acme/cli@v1.0.0'),
  sums('a tile', '/sumdb/sum.golang.org/tile/8/0/x123/456.p/7'),

  none('the root', '/'),
  none('a module alone', '/acme.example/cli'),
  none('no module', '/@v/list'),
  none('no module with two slashes', '//@v/list'),
  none('no module for the latest', '/@latest'),
  none('two slashes in a module', '/acme.example//cli/@v/list'),
  none('a capital that is not escaped', '/github.com/Acme/cli/@v/list'),
  none('a capital of a version that is not escaped', '/acme.example/cli/@v/v1.0.0-RC.zip'),
  none('an escape of nothing', '/github.com/acme!/cli/@v/list'),
  none('an escape of a capital', '/github.com/!Acme/cli/@v/list'),
  none('an escape of a digit', '/acme.example/cli/@v/v1.0.0!1.zip'),
  none('an element that ends with a dot', '/acme.example/cli./@v/list'),
  none('an element that starts with a dot', '/acme.example/.cli/@v/list'),
  none('a slash in an escape', '/acme.example%2Fcli/@v/list'),
  none('another file', '/acme.example/cli/@v/v1.0.0.ziphash'),
  none('a version without a file', '/acme.example/cli/@v/v1.0.0'),
  none('a file without a version', '/acme.example/cli/@v/.zip'),
  none('a branch with a slash', '/acme.example/cli/@v/feature/x.info'),
  none('a checksum database without a question', '/sumdb/sum.golang.org'),
  none('two slashes in a checksum database', '/sumdb/sum.golang.org//latest'),
  none('something that is posted', '/acme.example/cli/@v/list', 'POST'),
  none('no path', ''),
]);

test('everything is redirected, in every mode', () => {
  for (const mode of ['auto', 'redirect', 'proxy'] as const)
    for (const path of [
      '/acme.example/cli/@v/v1.0.0.zip',
      '/acme.example/cli/@v/list',
      '/sumdb/a.example/latest',
    ]) {
      const resource = go.parse({ method: 'GET', path }) as GoResource;
      const context = contextOf(mode, upstreamOf('https://proxy.golang.org'));
      expect(showDelivery(go.deliver(resource, context))).toBe('302');
    }
});

describe('a package URL', () => {
  test.each<[resource: GoResource, purl: string | undefined]>([
    [{ type: 'list', module: 'github.com/Acme/CLI' }, 'pkg:golang/github.com/acme/cli'],
    [
      { type: 'zip', module: 'a.example/a+b', version: 'v2.0.0+incompatible' },
      'pkg:golang/a.example/a%2Bb@v2.0.0%2Bincompatible',
    ],
    [{ type: 'sumdb', path: '/sumdb/sum.golang.org/latest' }, undefined],
  ])('of %j: %s', (resource, purl) => {
    expect(go.purl?.(resource, 'https://go.acme.example')).toBe(purl);
    if (purl) expect(parsePurl(purl).type).toBe('golang');
  });
});
