import { describe, expect, test } from 'vitest';

import { isPublicAddress, judge, reachOf } from '../../src/gateway/address.ts';

test.each([
  ['ghcr.io', 'public'],
  ['ghcr.io:8443', 'public'],
  ['93.184.215.14', 'public'],
  ['[2606:4700::1111]:443', 'public'],
  ['localhost', 'loopback'],
  ['LOCALHOST.:80', 'loopback'],
  ['a.localhost', 'loopback'],
  ['127.0.0.1', 'loopback'],
  ['127.255.0.3:5000', 'loopback'],
  ['[::1]', 'loopback'],
  ['[::ffff:127.0.0.1]', 'loopback'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['192.168.0.1', 'private'],
  ['100.64.0.1', 'private'],
  ['[fd00::1]', 'private'],
  ['registry', 'private'],
  ['registry.internal', 'private'],
  ['a.b.svc', 'private'],
  ['printer.local.', 'private'],
  ['0.0.0.0', 'reserved'],
  ['169.254.169.254', 'reserved'],
  ['224.0.0.1', 'reserved'],
  ['255.255.255.255', 'reserved'],
  ['[::]', 'reserved'],
  ['[fe80::1]', 'reserved'],
  ['[::ffff:a9fe:a9fe]', 'reserved'],
  ['[64:ff9b::a9fe:a9fe]', 'reserved'],
])('%s is %s', (host, reach) => {
  expect(reachOf(host)).toBe(reach);
});

test.each([
  ['93.184.215.14', true],
  ['2606:4700::1111', true],
  ['10.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['169.254.169.254', false],
  ['not an address', false],
])('whether %s is an address of the public internet: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

describe('judge', () => {
  const secure = { origin: 'https://ghcr.io', allow: [] };
  const plain = { origin: 'http://downloads.acme.dev', allow: [] };
  const loopback = { origin: 'http://127.0.0.1:5000', allow: [] };
  const inside = { origin: 'https://registry.internal', allow: [] };
  const allowing = {
    origin: 'https://ghcr.io',
    allow: ['blobs.internal:9000', '10.0.0.7', 'cdn.plain.example'],
  };

  test.each([
    // From a public upstream over https.
    [secure, 'https://ghcr.io/token', 'named'],
    [secure, 'https://ghcr.io:443/token', 'named'],
    [secure, 'https://ghcr.io:8443/token', 'guarded'],
    [secure, 'https://pkg-containers.githubusercontent.com/x', 'guarded'],
    [secure, 'https://93.184.215.14/x', 'guarded'],
    [secure, 'http://ghcr.io/token', 'refused'],
    [secure, 'http://cdn.example/x', 'refused'],
    [secure, 'https://127.0.0.1/x', 'refused'],
    [secure, 'https://localhost/x', 'refused'],
    [secure, 'https://10.0.0.1/x', 'refused'],
    [secure, 'https://registry.internal/x', 'refused'],
    [secure, 'https://metadata/x', 'refused'],
    [secure, 'https://169.254.169.254/latest/meta-data', 'refused'],
    [secure, 'https://2852039166/latest/meta-data', 'refused'],
    [secure, 'https://0xa9fea9fe/latest/meta-data', 'refused'],
    [secure, 'https://0251.0376.0251.0376/latest/meta-data', 'refused'],
    [secure, 'https://169.254.169.254./latest/meta-data', 'refused'],
    [secure, 'https://[::ffff:a9fe:a9fe]/latest/meta-data', 'refused'],
    [secure, 'https://[::ffff:169.254.169.254]/latest/meta-data', 'refused'],
    [secure, 'https://[64:ff9b::a9fe:a9fe]/latest/meta-data', 'refused'],
    [secure, 'https://[::1]/x', 'refused'],
    [secure, 'https://0/x', 'refused'],
    [secure, 'https://user@ghcr.io/token', 'refused'],
    [secure, 'https://:password@ghcr.io/token', 'refused'],
    [secure, 'ftp://ghcr.io/token', 'refused'],
    [secure, 'file:///etc/passwd', 'refused'],
    [secure, 'data:text/plain,x', 'refused'],
    // From a public upstream over http.
    [plain, 'http://cdn.example/x', 'guarded'],
    [plain, 'https://cdn.example/x', 'guarded'],
    [plain, 'http://127.0.0.1/x', 'refused'],
    [plain, 'http://169.254.169.254/x', 'refused'],
    // From upstreams that are no more public than where they lead.
    [loopback, 'http://127.0.0.2:9/x', 'named'],
    [loopback, 'http://localhost:9/x', 'named'],
    [loopback, 'https://[::1]/x', 'named'],
    [loopback, 'https://cdn.example/x', 'guarded'],
    [loopback, 'http://10.0.0.1/x', 'refused'],
    [loopback, 'http://0.0.0.0:9/x', 'refused'],
    [inside, 'https://10.0.0.1/x', 'named'],
    [inside, 'https://blobs.internal/x', 'named'],
    [inside, 'http://blobs.internal/x', 'refused'],
    [inside, 'https://localhost/x', 'refused'],
    [inside, 'https://169.254.169.254/x', 'refused'],
    // What the rule allows.
    [allowing, 'https://blobs.internal:9000/x', 'named'],
    [allowing, 'http://blobs.internal:9000/x', 'named'],
    [allowing, 'https://blobs.internal/x', 'refused'],
    [allowing, 'https://10.0.0.7/x', 'named'],
    [allowing, 'https://167772167/x', 'named'],
    [allowing, 'https://10.0.0.8/x', 'refused'],
    [allowing, 'http://cdn.plain.example/x', 'named'],
    [allowing, 'https://user@10.0.0.7/x', 'refused'],
  ])('from $origin to %s: %s', (leader, url, expected) => {
    expect(judge(new URL(url), leader)).toBe(expected);
  });
});
