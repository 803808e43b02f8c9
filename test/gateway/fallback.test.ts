import { describe, expect, test, vi } from 'vitest';

import type { AdapterOptions } from '../../src/adapters/node.ts';
import type { RuleConfig } from '../../src/core/rule.ts';
import { rule } from '../../src/core/rule.ts';
import { npm } from '../../src/protocols/npm.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask, send } from './client.ts';
import { serve, transports } from './serving.ts';
import { eventually, type Handler, startRawUpstream, startUpstream, unusedOrigin } from './upstream.ts';

const path = '/v2/app/manifests/1.0';
const status =
  (code: number): Handler =>
  (_, response) =>
    void response
      .writeHead(code, { 'retry-after': '3', 'content-type': 'application/json' })
      .end(`says ${code}`);
const good: Handler = (_, response) => void response.end('from the second');

describe.each(transports)('several upstreams, over %s', (_, createTransport) => {
  async function front(first: string, second: string, options: AdapterOptions = {}, config: RuleConfig = {}) {
    const rules = [rule(oci, { to: [first, second], ...config })];
    return serve(rules, { transport: createTransport(), ...options });
  }

  test.each([
    ['refuses the connection', unusedOrigin],
    [
      'resets the connection',
      async () => (await startRawUpstream((socket) => void socket.resetAndDestroy())).origin,
    ],
    ['does not answer', async () => (await startRawUpstream(() => {})).origin],
    ['answers 429', async () => (await startUpstream(status(429))).origin],
    ['answers 500', async () => (await startUpstream(status(500))).origin],
    ['answers 503', async () => (await startUpstream(status(503))).origin],
    [
      'has a redirect to nowhere',
      async () =>
        (
          await startUpstream(
            (_, response) => void response.writeHead(302, { location: 'http://0.0.0.0/' }).end(),
          )
        ).origin,
    ],
    [
      'has a token server that is down',
      async () => {
        const challenge = `Bearer realm="${await unusedOrigin()}/token"`;
        return (
          await startUpstream(
            (_, response) => void response.writeHead(401, { 'www-authenticate': challenge }).end(),
          )
        ).origin;
      },
    ],
    [
      'has a token server that breaks off',
      async () => {
        const tokens = await startRawUpstream(
          (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{'),
          '127.0.0.3',
        );
        const challenge = `Bearer realm="${tokens.origin}/token"`;
        return (
          await startUpstream(
            (_, response) => void response.writeHead(401, { 'www-authenticate': challenge }).end(),
          )
        ).origin;
      },
    ],
  ])('when the first %s, the second answers', async (fault, start) => {
    const failures = vi.fn<NonNullable<AdapterOptions['onUpstreamError']>>();
    const first = await start();
    const second = await startUpstream(good);
    const transport = createTransport(fault === 'does not answer' ? { connect: 200, headers: 600 } : {});
    const options = { onUpstreamError: failures, transport };
    const gateway = await front(first, second.origin, options, { mode: 'proxy' });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200, body: 'from the second' });
    expect(failures).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ name: 'UpstreamError' }),
      expect.objectContaining({ target: `${first}${path}` }),
    );
  });

  test.each([200, 204, 301, 400, 401, 403, 404, 410, 416])(
    'when the first answers %d, that is the answer',
    async (code) => {
      const first = await startUpstream(status(code));
      const second = await startUpstream(good);
      const gateway = await front(first.origin, second.origin);
      expect(await ask(gateway.origin, path)).toMatchObject({ status: code });
      expect(second.requests).toEqual([]);
    },
  );

  test.each([
    [
      'its status and words, when the last one has some',
      async () => (await startUpstream(status(503))).origin,
      503,
      'says 503',
      '3',
    ],
    ['a refusal of ours, when the last one has none', unusedOrigin, 502, undefined, '10'],
  ])('when none is in order, the answer is %s', async (_, start, expected, body, retryAfter) => {
    const first = await startUpstream(status(500));
    const gateway = await front(first.origin, await start());
    const received = await ask(gateway.origin, path);
    expect(received).toMatchObject({ status: expected, headers: { 'retry-after': retryAfter } });
    if (body) expect(received.body).toBe(body);
  });

  test('each have their own credential, and no other', async () => {
    const first = await startUpstream(status(500));
    const second = await startUpstream(good);
    const to = [
      { url: first.origin, auth: { token: 'one' } },
      { url: second.origin, auth: { token: 'two' } },
    ];
    const gateway = await serve([rule(npm, { to })], { transport: createTransport() });
    await ask(gateway.origin, '/left-pad');
    expect(first.requests[0]?.headers.authorization).toBe('Bearer one');
    expect(second.requests[0]?.headers.authorization).toBe('Bearer two');
  });

  test('do not each get a body that can be sent once', async () => {
    const first = await startUpstream(
      (request, response) =>
        void request
          .resume()
          .on('end', () => response.writeHead(503, { 'content-type': 'application/json' }).end('busy')),
    );
    const second = await startUpstream(good);
    const gateway = await serve([rule(npm, { to: [first.origin, second.origin], mode: 'proxy' })], {
      transport: createTransport(),
    });
    const asked = { method: 'POST', body: '{}' };
    expect(await ask(gateway.origin, '/-/npm/v1/security/advisories/bulk', asked)).toMatchObject({
      status: 503,
      body: 'busy',
    });
    expect(second.requests).toEqual([]);
  });

  test('leave no connection behind when the first is passed over', async () => {
    const first = await startRawUpstream(
      (socket) => void socket.write('HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\nx'),
    );
    const second = await startUpstream(good);
    const gateway = await front(first.origin, second.origin);
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200 });
    await eventually(() => first.underWay, 3000).toBe(0);
  });

  test('are not asked for a client that has left', async () => {
    const first = await startRawUpstream(() => {});
    const second = await startUpstream(good);
    const failures = vi.fn<() => void>();
    const gateway = await front(first.origin, second.origin, { onUpstreamError: failures });
    const client = send(gateway.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await eventually(() => first.requests.length).toBe(1);
    client.destroy();
    await eventually(() => first.underWay).toBe(0);
    expect(second.requests).toEqual([]);
    expect(failures).not.toHaveBeenCalled();
  });
});

test('a second upstream that clients can be sent to is where they are sent', async () => {
  const first = await unusedOrigin();
  const to = [
    { url: first, auth: { token: 'one' } },
    { url: 'https://cdn.example', auth: undefined },
  ];
  const gateway = await serve([rule(npm, { to })]);
  expect(await ask(gateway.origin, '/-/package/left-pad/dist-tags')).toMatchObject({
    status: 302,
    headers: { location: 'https://cdn.example/-/package/left-pad/dist-tags' },
  });
});
