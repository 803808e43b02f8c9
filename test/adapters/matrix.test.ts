import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { exchangeBytes } from '../gateway/client.ts';
import { listen } from '../gateway/serving.ts';
import { cases, own } from './cases.ts';
import { APPLICATION, hosts } from './hosts.ts';

const rules = compileRules([
  rule(file, { host: 'get.acme.dev', match: '/dl/*path', to: 'https://cdn.example/files/*path' }),
  rule(oci, { host: 'get.acme.dev', match: 'app', to: 'quay.io/acme/app', mode: 'redirect' }),
  rule(npm, { host: 'npm.acme.dev', match: '@acme/*', to: 'https://npm.example' }),
]);

describe.each(hosts)('on $name', ({ create, embedded, mends }) => {
  const stops: (() => void)[] = [];
  let port = 0;

  beforeAll(async () => {
    ({ port } = await listen(create(rules), (stop) => stops.push(stop)));
  });

  afterAll(() => {
    for (const stop of stops) stop();
  });

  test.each(cases.filter(({ mended }) => !mends || mended !== 'unknown'))('$name', async (row) => {
    const { target, method = 'GET', fields = own } = row;
    const lines = [`${method} ${target} HTTP/1.1`, ...fields, 'Connection: close', '', ''];
    const answer = await exchangeBytes(port, lines.join('\r\n'));
    const status = Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);
    const location = /^location: (.*)$/im.exec(answer)?.[1];

    const expected = mends ? (row.mended ?? row.expected) : row.expected;
    if (expected === 'pass' || expected === 400 || expected === 414) {
      // What is malformed is the application's to refuse.
      const refusal = expected === 'pass' ? 404 : expected;
      expect({ status, location }).toEqual({
        status: embedded ? APPLICATION : refusal,
        location: undefined,
      });
    } else if (typeof expected === 'number') {
      expect({ status, location }).toEqual({ status: expected, location: undefined });
    } else {
      expect(location).toBe(expected);
      expect([302, 307]).toContain(status);
    }
  });

  test('an answer to HEAD has the length and no body', async () => {
    const answer = await exchangeBytes(
      port,
      'HEAD /v2/other/manifests/1 HTTP/1.1\r\nHost: get.acme.dev\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toMatch(/^content-length: [1-9]/im);
    expect(answer).toMatch(/\r\n\r\n$/);
  });

  test('a redirect has no body and is not kept', async () => {
    const answer = await exchangeBytes(
      port,
      'GET /dl/a HTTP/1.1\r\nHost: get.acme.dev\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^content-length: 0$/im);
    expect(answer).toMatch(/^cache-control: no-store$/im);
    expect(answer).toMatch(/\r\n\r\n$/);
  });

  test('many requests on one connection are answered in their order', async () => {
    const requests = Array.from(
      { length: 50 },
      (_, index) =>
        `GET /dl/${index} HTTP/1.1\r\nHost: get.acme.dev\r\n${index === 49 ? 'Connection: close\r\n' : ''}\r\n`,
    );
    const answer = await exchangeBytes(port, requests.join(''));
    const order = [...answer.matchAll(/^location: .*\/(\d+)$/gim)].map(([, index]) => Number(index));
    expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });
});

test.each(hosts.filter((host) => !host.embedded))(
  'on $name, what nobody takes is refused in the words of the protocol that could have',
  async ({ create }) => {
    const { port } = await listen(create(rules));
    const ask = (host: string, path: string) =>
      exchangeBytes(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(await ask('npm.acme.dev', '/left-pad')).toMatch(/\{"error":"No rule has this address\."\}$/);
    expect(await ask('get.acme.dev', '/x')).toMatch(/No rule has this address\.\n$/);
    expect(await ask('other.example', '/x')).toMatch(/^content-type: text\/plain/im);
  },
);
