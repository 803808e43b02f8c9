import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import type { Tie } from '../../src/core/protocol.ts';
import { rule } from '../../src/core/rule.ts';
import { type HomebrewResource, homebrew } from '../../src/protocols/homebrew.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const sha = 'a'.repeat(64);
const bottle = '/bottles/acme-cli-1.2.0.arm64_sequoia.bottle.tar.gz';
const refs = '/acme/homebrew-tap.git/info/refs';
const fetching = 'service=git-upload-pack';
const pushing = 'service=git-receive-pack';

const some = (
  type: HomebrewResource['type'],
  title: string,
  path: string,
  more: { method?: string; query?: string } = {},
): ProtocolCase<HomebrewResource> => ({
  title,
  path,
  ...more,
  resource: more.query ? ({ type, path, query: more.query } as HomebrewResource) : { type, path },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<HomebrewResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(homebrew, [
  some('bottle', 'a bottle', bottle),
  some('bottle', 'a bottle by HEAD', bottle, { method: 'HEAD' }),
  some('bottle', 'a bottle that was built anew', '/acme-cli-1.2.0_1.x86_64_linux.bottle.2.tar.gz'),
  some('bottle', 'a bottle with an encoded plus', '/libsigc%2B%2B-3.6.0.sonoma.bottle.tar.gz'),
  some('bottle', 'a bottle of a versioned formula', '/openssl%403-3.5.0.all.bottle.tar.gz'),
  some('bottle', 'a bottle with a query', bottle, { query: 'x=%2F' }),
  some('document', 'all formulae with a query', '/formula.jws.json', { query: 'x=%2F' }),
  some('manifest', 'a manifest', '/v2/homebrew/core/wget/manifests/1.25.0-1'),
  some('manifest', 'a manifest by digest', `/v2/homebrew/core/openssl/3/manifests/sha256:${sha}`),
  some('manifest', 'a manifest below a domain', '/wget/manifests/1.25.0'),
  some('blob', 'a bottle in a registry', `/v2/homebrew/core/wget/blobs/sha256:${sha}`),
  some('blob', 'a bottle in a registry, encoded', `/v2/homebrew/core/wget/blobs/sha256%3A${sha}`),
  some('document', 'all formulae', '/formula.jws.json'),
  some('document', 'all casks, below a path', '/api/cask.jws.json'),
  some('document', 'what moved', '/api/formula_tap_migrations.jws.json'),
  some('document', 'what moved of casks', '/cask_tap_migrations.jws.json'),
  some('document', 'what is internal', '/internal/packages.arm64_sequoia.jws.json'),
  some('document', 'what has which command', '/internal/executables.txt'),
  some('document', 'one formula', '/formula/openssl@3.json'),
  some('document', 'one cask', '/cask/acme.json'),
  some('document', 'the source of a cask', '/cask-source/acme.rb'),
  some('document', 'numbers', '/analytics/install/homebrew-core/30d.json'),
  some('tap', 'the references of a tap', refs, { query: fetching }),
  some('tap', 'the references of a plain tap', refs),
  some('tap', 'what git fetches', '/acme/tap/git-upload-pack', { method: 'POST' }),
  some('tap', 'the branch of a plain tap', '/acme/tap/HEAD'),
  some('tap', 'an object of a plain tap', `/acme/tap/objects/ab/${'c'.repeat(38)}`),
  some('tap', 'a pack of a plain tap', `/acme/tap/objects/pack/pack-${'c'.repeat(40)}.idx`),
  some('tap', 'the packs of a plain tap', '/acme/tap/objects/info/packs'),
  some('push', 'the references for a push', refs, { query: pushing }),
  some('push', 'a push', '/acme/tap/git-receive-pack', { method: 'POST' }),
  none('the root', '/'),
  none('a bottle without a name', '/-1.2.0.all.bottle.tar.gz'),
  none('a bottle without a version', '/acme.all.bottle.tar.gz'),
  none('a bottle with an empty version', '/acme-.all.bottle.tar.gz'),
  none('a bottle without a tag', '/acme-1.bottle.tar.gz'),
  none('an encoded slash', '/acme%2Fcli-1.2.0.all.bottle.tar.gz'),
  none('a manifest without a name', '/manifests/1.0'),
  none('a blob of another digest', '/v2/acme/cli/blobs/sha512:aa'),
  none('the ping of a registry', '/v2/'),
  none('a pack by GET', '/acme/tap/git-upload-pack'),
  none('another document', '/api/other.json'),
  none('the source of a formula', '/acme-1.2.0.tar.gz'),
  none('a path without a slash', 'formula.jws.json'),
  none('another POST', '/acme/tap', 'POST'),
  none('an upload', bottle, 'PUT'),
]);

const at = (path: string, method = 'GET', query?: string): HomebrewResource => {
  const resource = homebrew.parse({ method, path, query });
  if (!resource) throw new Error(path);
  return resource;
};

test.each<[resource: HomebrewResource, auto: string, proxy: string, method?: string]>([
  [at(bottle), '302', '302'],
  [at(bottle, 'HEAD'), '302', '302', 'HEAD'],
  [at('/formula.jws.json'), '302', '302'],
  [at(refs, 'GET', fetching), '302', '302'],
  [at('/tap/git-upload-pack', 'POST'), '307', '307', 'POST'],
  [at('/v2/homebrew/core/wget/manifests/1'), 'stream', 'stream'],
  [at(`/v2/homebrew/core/wget/blobs/sha256:${sha}`), 'relay', 'stream'],
  [at(refs, 'GET', pushing), '403 answered', '403 answered'],
])('%j is delivered: %s', (resource, auto, proxy, method = 'GET') => {
  for (const [mode, shown] of [
    ['auto', auto],
    ['redirect', auto],
    ['proxy', proxy],
  ] as const) {
    const context = contextOf(mode, upstreamOf('https://a.example'), method);
    expect(showDelivery(homebrew.deliver(resource, context))).toBe(shown);
  }
});

test.each<[path: string, tie: Tie | undefined, method?: string]>([
  [bottle, { type: 'content' }],
  [`/v2/homebrew/core/wget/blobs/sha256:${sha}`, { type: 'content' }],
  ['/v2/homebrew/core/wget/manifests/1', undefined],
  ['/formula.jws.json', undefined],
  [refs, { type: 'index', of: '/acme/homebrew-tap.git' }],
  ['/acme/homebrew-tap.git/git-upload-pack', { type: 'member', of: '/acme/homebrew-tap.git' }, 'POST'],
  ['/acme/homebrew-tap.git/HEAD', { type: 'member', of: '/acme/homebrew-tap.git' }],
  ['/acme/homebrew-tap.git/git-receive-pack', undefined, 'POST'],
])('of several upstreams, %s is %j', (path, tie, method) => {
  expect(homebrew.tie?.(at(path, method))).toEqual(tie);
});

test.each<[path: string, purl: string | undefined]>([
  [bottle, 'pkg:brew/acme-cli@1.2.0?tag=arm64_sequoia'],
  ['/acme-cli-1.2.0_1.all.bottle.2.tar.gz', 'pkg:brew/acme-cli@1.2.0_1?rebuild=2&tag=all'],
  ['/libsigc%2B%2B-3.6.0.sonoma.bottle.tar.gz', 'pkg:brew/libsigc%2B%2B@3.6.0?tag=sonoma'],
  ['/openssl%403-3.5.0.all.bottle.tar.gz', 'pkg:brew/openssl%403@3.5.0?tag=all'],
  ['/ca-certificates-2025-12-02.all.bottle.tar.gz', 'pkg:brew/ca-certificates@2025-12-02?tag=all'],
  ['/x264-r3108.x86_64_linux.bottle.tar.gz', 'pkg:brew/x264@r3108?tag=x86_64_linux'],
  ['/v2/homebrew/core/wget/manifests/1.25.0-1', 'pkg:brew/homebrew/core/wget@1.25.0-1'],
  ['/brew/v2/homebrew/core/openssl/3/manifests/3.5.0', 'pkg:brew/homebrew/core/openssl%403@3.5.0'],
  ['/wget/manifests/1.25.0', 'pkg:brew/wget@1.25.0'],
  ['/%40/manifests/1.25.0', undefined],
  [`/v2/homebrew/core/wget/manifests/sha256:${sha}`, undefined],
  [`/v2/homebrew/core/wget/blobs/sha256:${sha}`, undefined],
  ['/formula.jws.json', undefined],
])('the package URL of %s is %s', (path, purl) => {
  for (const method of ['GET', 'HEAD'])
    expect(homebrew.purl?.(at(path, method), 'https://get.acme.example')).toBe(purl);
  if (purl) expect(parsePurl(purl).type).toBe('brew');
});

describe('a rule', () => {
  const request = { scheme: 'https', host: 'get.acme.example' } as const;

  test('counts the HEAD that brew resolves a bottle with, as a download', () => {
    const rules = compileRules([
      rule(homebrew, {
        match: '/bottles/*file',
        to: 'https://github.com/acme/cli/releases/download/v1/*file',
      }),
    ]);
    for (const method of ['HEAD', 'GET'])
      expect(
        decide(rules, { ...request, method, path: '/bottles/c%2B%2B-1.0.all.bottle.tar.gz' }),
      ).toMatchObject({
        type: 'redirect',
        status: 302,
        location: 'https://github.com/acme/cli/releases/download/v1/c%2B%2B-1.0.all.bottle.tar.gz',
        purl: 'pkg:brew/c%2B%2B@1.0?tag=all',
      });
  });

  test('leads a tap elsewhere in such a way that git can tell where that is', () => {
    const rules = compileRules([
      rule(homebrew, { match: '/tap.git/*file', to: 'https://github.com/acme/homebrew-tap/*file' }),
    ]);
    expect(
      decide(rules, { ...request, method: 'GET', path: '/tap.git/info/refs', query: fetching }),
    ).toMatchObject({
      location: `https://github.com/acme/homebrew-tap/info/refs?${fetching}`,
    });
  });

  test('leads a registry’s bottles to another place', () => {
    const rules = compileRules([
      rule(homebrew, {
        at: '/brew/',
        match: '/v2/acme/tap/*file',
        to: 'https://ghcr.io/v2/acme-inc/bottles/*file',
      }),
    ]);
    const path = `/brew/v2/acme/tap/cli/blobs/sha256:${sha}`;
    expect(decide(rules, { ...request, method: 'GET', path })).toMatchObject({
      type: 'proxy',
      delivery: 'relay',
      target: `https://ghcr.io/v2/acme-inc/bottles/cli/blobs/sha256:${sha}`,
    });
  });
});
