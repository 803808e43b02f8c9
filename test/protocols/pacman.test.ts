import { expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import type { Tie } from '../../src/core/protocol.ts';
import { rule } from '../../src/core/rule.ts';
import { type PacmanResource, pacman } from '../../src/protocols/pacman.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const folder = '/acme/os/x86_64';
const some = (
  type: PacmanResource['type'],
  title: string,
  file: string,
  method = 'GET',
): ProtocolCase<PacmanResource> => ({
  title,
  method,
  path: `${folder}/${file}`,
  resource: { type, path: `${folder}/${file}` },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<PacmanResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(pacman, [
  some('database', 'a database', 'acme.db'),
  some('database', 'a database by HEAD', 'acme.db', 'HEAD'),
  some('database', 'the signature of a database', 'acme.db.sig'),
  some('database', 'a database by the name of its file', 'acme.db.tar.gz'),
  some('database', 'the signature of that', 'acme.db.tar.zst.sig'),
  some('database', 'the list of files', 'acme.files'),
  some('database', 'its signature', 'acme.files.sig'),
  some('database', 'the list of links', 'acme.links.tar.gz'),
  some('database', 'a database with a plus', 'c++.db'),
  some('package', 'a package', 'acme-cli-1.2.0-1-x86_64.pkg.tar.zst'),
  some('package', 'a package that is not compressed', 'acme-cli-1.2.0-1-any.pkg.tar'),
  some('package', 'a package with an epoch', 'acme-cli-1:1.2.0-1.1-any.pkg.tar.xz'),
  some('package', 'a package with an encoded epoch', 'acme-cli-1%3A1.2.0-1-any.pkg.tar.zst'),
  some('package', 'a package with encoded pluses', 'libsigc%2B%2b-2.12.1+1-1-x86_64.pkg.tar.zst'),
  some('signature', 'the signature of a package', 'acme-cli-1.2.0-1-x86_64.pkg.tar.zst.sig'),
  { title: 'a database at the mount', path: '/acme.db', resource: { type: 'database', path: '/acme.db' } },
  {
    title: 'a package in a folder that is encoded',
    path: '/caf%C3%A9/a-1-1-any.pkg.tar.zst',
    resource: { type: 'package', path: '/caf%C3%A9/a-1-1-any.pkg.tar.zst' },
  },
  {
    title: 'a database with a query',
    path: '/acme.db',
    query: 'x=%2F',
    resource: { type: 'database', path: '/acme.db', query: 'x=%2F' },
  },
  none('the root', '/'),
  none('a folder', `${folder}/`),
  none('a database without a name', `${folder}/.db`),
  none('a package without a release', `${folder}/acme-1.0-any.pkg.tar.zst`),
  none('a package without a version', `${folder}/acme--1-any.pkg.tar.zst`),
  none('a package without a name', `${folder}/1.0-1-any.pkg.tar.zst`),
  none('another file', `${folder}/lastsync`),
  none('the signature of another file', `${folder}/acme.tar.gz.sig`),
  none('an encoded slash', `${folder}/a%2Fb-1-1-any.pkg.tar.zst`),
  none('a control character', `${folder}/a%0Ab-1-1-any.pkg.tar.zst`),
  none('a path without a slash', 'acme.db'),
  {
    title: 'an upload',
    method: 'PUT',
    path: `${folder}/acme.db`,
    resource: { type: 'write', path: `${folder}/acme.db` },
  },
  none('an upload of anything else', `${folder}/acme.txt`, 'PUT'),
]);

const kinds = ['database', 'package', 'signature'] as const;

test.each(kinds)('a %s is redirected with 302', (type) => {
  const resource: PacmanResource = { type, path: '/x' };
  for (const mode of ['auto', 'redirect', 'proxy'] as const)
    expect(showDelivery(pacman.deliver(resource, contextOf(mode, upstreamOf('https://a.example'))))).toBe(
      '302',
    );
});

test.each<[file: string, tie: Tie]>([
  ['acme.db', { type: 'index', of: `${folder}/acme` }],
  ['acme.db.tar.gz', { type: 'index', of: `${folder}/acme` }],
  ['acme.db.sig', { type: 'member', of: `${folder}/acme` }],
  ['acme.files', { type: 'member', of: `${folder}/acme` }],
  ['acme.files.tar.zst.sig', { type: 'member', of: `${folder}/acme` }],
  ['acme-1-1-any.pkg.tar.zst', { type: 'content' }],
  ['acme-1-1-any.pkg.tar.zst.sig', { type: 'content' }],
])('of several upstreams, %s is %j', (file, tie) => {
  const resource = pacman.parse({ method: 'GET', path: `${folder}/${file}` });
  expect(resource && pacman.tie?.(resource)).toEqual(tie);
});

test.each<[file: string, purl: string | undefined]>([
  ['acme-cli-1.2.0-1-x86_64.pkg.tar.zst', 'pkg:alpm/arch/acme-cli@1.2.0-1?arch=x86_64'],
  ['acme-cli-1:1.2.0-1-any.pkg.tar.xz', 'pkg:alpm/arch/acme-cli@1:1.2.0-1?arch=any'],
  ['acme-cli-1%3A1.2.0-1-any.pkg.tar.xz', 'pkg:alpm/arch/acme-cli@1:1.2.0-1?arch=any'],
  ['libsigc%2B%2B-2+1-1-any.pkg.tar', 'pkg:alpm/arch/libsigc%2B%2B@2%2B1-1?arch=any'],
  ['acme-cli-1.2.0-1-any.pkg.tar.zst.sig', undefined],
  ['acme.db', undefined],
])('the package URL of %s is %s', (file, purl) => {
  const resource = pacman.parse({ method: 'GET', path: `${folder}/${file}` });
  expect(resource && pacman.purl?.(resource, 'https://pkgs.acme.example')).toBe(purl);
  if (purl) expect(parsePurl(purl).type).toBe('alpm');
});

test.each([
  'acme-1:1.0-1-any.pkg.tar.zst',
  'acme-1%3A1.0-1-any.pkg.tar.zst',
  'acme-1%3a1.0+2-1-any.pkg.tar.zst',
  'c%2B%2B~-1.0-1-any.pkg.tar.zst.sig',
])('%s reaches the upstream as the client wrote it', (file) => {
  const rules = compileRules([
    rule(pacman, { match: '/:repo/os/:arch/*file', to: 'https://mirror.example/arch/:arch/:repo/*file' }),
  ]);
  const request = { method: 'GET', scheme: 'https', host: 'pkgs.acme.example' } as const;
  expect(decide(rules, { ...request, path: `${folder}/${file}` })).toMatchObject({
    type: 'redirect',
    status: 302,
    location: `https://mirror.example/arch/x86_64/acme/${file}`,
    params: { repo: 'acme', arch: 'x86_64', file },
  });
});

test('what would change a repository is refused', () => {
  const resource = pacman.parse({ method: 'DELETE', path: '/acme.db' });
  const context = contextOf('auto', upstreamOf('https://a.example'));
  expect(resource && pacman.deliver(resource, context)).toMatchObject({
    type: 'respond',
    answer: { status: 405, headers: { allow: 'GET, HEAD' } },
  });
  expect(resource && pacman.tie?.(resource)).toBeUndefined();
});
