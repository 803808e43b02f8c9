import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';

import { toNodeHandler } from '../../src/adapters/node.ts';
import { compileRules } from '../../src/core/compile.ts';
import type { Answer, Lead, Protocol, Tools } from '../../src/core/protocol.ts';
import { leaveDocument, readDocument } from '../../src/core/read-document.ts';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { UpstreamError } from '../../src/gateway/transport.ts';
import { file } from '../../src/protocols/file.ts';
import { ask, send } from './client.ts';
import { listen, serve, transports } from './serving.ts';
import { eventually, startUpstream, unusedOrigin } from './upstream.ts';

interface Page {
  readonly type: 'page';
  readonly path: string;
}

async function* toChunks(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

/** A protocol whose artifacts are where a page of the upstream says. */
function carrying(carry: (tools: Tools, resource: Page) => Promise<Answer | Lead>): Protocol<Page> {
  return {
    name: 'pages',
    subjects: 'path',
    parse: ({ path }) => ({ type: 'page', path }),
    format: ({ path }) => path,
    subject: ({ path }) => path,
    deliver: () => ({ type: 'carry' }),
    refuse: file.refuse,
    usage: file.usage,
    carry: (resource, _, tools) => carry(tools, resource),
  };
}

/** Where the page `/index` says that something is. */
const byIndex = carrying(async (tools) => {
  const read = async () => {
    const { status, body } = await tools.fetch({ type: 'page', path: '/index' } as Page, {
      accept: 'text/plain',
    });
    const text = await readDocument(body, 1000);
    if (status !== 200) throw new UpstreamError(`answers ${status}`, 502);
    return text;
  };
  return { url: await tools.keep('index', 60, read), status: 302 };
});

describe.each(transports)('what a document of the upstream leads to, over %s', (_, createTransport) => {
  async function front(leadTo: (own: string) => string, config: RuleConfig = {}) {
    const upstream = await startUpstream((request, response) => {
      if (request.url === '/base/index') {
        response.setHeader('content-encoding', 'gzip').end(gzipSync(leadTo(upstream.origin)));
      } else if (request.headers.authorization === 'Bearer t' || !config.auth) response.end('own bytes');
      else response.writeHead(401).end();
    });
    const { to, ...more } = config;
    const gateway = await serve([rule(byIndex, { to: to ?? `${upstream.origin}/base`, ...more })], {
      transport: createTransport(),
    });
    return { upstream, gateway };
  }

  test('is where the client is sent', async () => {
    const { upstream, gateway } = await front((own) => `${own}/elsewhere/file`, { notice: 'moved' });
    for (let count = 0; count < 3; count++)
      expect(await ask(gateway.origin, '/x')).toMatchObject({
        status: 302,
        headers: { location: `${upstream.origin}/elsewhere/file`, warning: '299 - "moved"' },
      });
    expect(upstream.paths).toEqual(['/base/index']);
  });

  test('is fetched where the rule says so', async () => {
    const blobs = await startUpstream((_, response) => void response.end('bytes'), '127.0.0.3');
    const { gateway } = await front(() => `${blobs.origin}/file?x=%2f`, { mode: 'proxy' });
    expect(await ask(gateway.origin, '/x')).toMatchObject({ status: 200, body: 'bytes' });
    expect(blobs.paths).toEqual(['/file?x=%2f']);
  });

  test('is fetched with the credential of the rule where that is needed, and nowhere else', async () => {
    const { gateway } = await front((own) => `${own}/private`, { auth: { token: 't' } });
    expect(await ask(gateway.origin, '/x')).toMatchObject({ status: 200, body: 'own bytes' });
    const blobs = await startUpstream((_, response) => void response.end('bytes'), '127.0.0.3');
    const other = await front(() => `${blobs.origin}/file`, { auth: { token: 't' }, mode: 'proxy' });
    expect(await ask(other.gateway.origin, '/x')).toMatchObject({ status: 200, body: 'bytes' });
    expect(blobs.requests[0]?.headers.authorization).toBeUndefined();
  });

  test.each([
    ['no address', 'nothing'],
    ['another scheme', 'ftp://a.example/x'],
    ['a credential', 'https://user:secret@a.example/x'],
  ])('is not followed when it is %s', async (_, address) => {
    const { gateway } = await front(() => address);
    expect(await ask(gateway.origin, '/x')).toMatchObject({ status: 502 });
  });

  test('is a document that is rewritten, in every mode', async () => {
    const upstream = await startUpstream(
      (_, response) => void response.setHeader('etag', '"1"').end('document'),
    );
    const rewriting: Protocol<Page> = {
      ...carrying(async () => ({ url: `${upstream.origin}/elsewhere`, status: 302, delivery: 'rewrite' })),
      rewrite: (_, { url, headers }) => ({ headers, body: toChunks(`rewritten ${url}`) }),
    };
    for (const mode of ['auto', 'redirect', 'proxy'] as const) {
      const gateway = await serve([rule(rewriting, { to: upstream.origin, mode })], {
        transport: createTransport(),
      });
      const { status, headers, body } = await ask(gateway.origin, '/x');
      expect([status, body]).toEqual([200, `rewritten ${upstream.origin}/elsewhere`]);
      expect(headers.etag).not.toBe('"1"');
    }
  });

  test('may be a document that says more', async () => {
    const second = await startUpstream((request, response) => {
      const { authorization = 'nobody' } = request.headers;
      response.end(`https://a.example/${authorization}`);
    }, '127.0.0.3');
    const through = carrying(async (tools) => {
      const { body } = await tools.fetchAt(`${second.origin}/more`, { accept: 'text/plain' });
      return { url: await readDocument(body, 1000), status: 302 };
    });
    const config = { to: 'http://127.0.0.2:1', auth: { token: 't' } };
    const gateway = await serve([rule(through, config)], { transport: createTransport() });
    // The credential is for the origin of the rule.
    expect((await ask(gateway.origin, '/x')).headers.location).toBe('https://a.example/nobody');
    expect(second.requests[0]?.headers.accept).toBe('text/plain');
  });

  test.each([
    'nothing',
    'ftp://a.example/x',
    'https://user:secret@a.example/x',
    'http://169.254.169.254/latest',
  ])('is not read at %s', async (address) => {
    const through = carrying(async (tools) => {
      await tools.fetchAt(address);
      return { url: 'https://a.example', status: 302 };
    });
    const gateway = await serve([rule(through, { to: 'https://b.example' })], {
      transport: createTransport(),
    });
    expect(await ask(gateway.origin, '/x')).toMatchObject({ status: 502 });
  });

  test('is not fetched from a network that the rule does not allow', async () => {
    const { gateway } = await front(() => 'http://169.254.169.254/latest', { mode: 'proxy' });
    expect(await ask(gateway.origin, '/x')).toMatchObject({ status: 502 });
  });

  test('is fetched where the client follows no redirect', async () => {
    const blobs = await startUpstream(
      (request, response) =>
        request.url === '/file'
          ? void response.writeHead(302, { location: '/moved' }).end()
          : void response.end('bytes'),
      '127.0.0.3',
    );
    const through = carrying(async () => ({ url: `${blobs.origin}/file`, status: 302, delivery: 'stream' }));
    const gateway = await serve([rule(through, { to: 'http://127.0.0.2' })], {
      transport: createTransport(),
    });
    expect(await ask(gateway.origin, '/x')).toMatchObject({ status: 200, body: 'bytes' });
    expect(blobs.paths).toEqual(['/file', '/moved']);
  });

  test.each<[what: string, config: RuleConfig, delivery: Lead['delivery']]>([
    ['a document that is rewritten', {}, 'rewrite'],
    ['what is never redirected', {}, 'stream'],
    ['what the rule wants fetched', { mode: 'proxy' }, undefined],
  ])('is fetched from the next upstream when the first is out of order: %s', async (_, config, delivery) => {
    const failing = await startUpstream((_, response) => void response.writeHead(503).end('no'));
    const second = await startUpstream((_, response) => void response.end('bytes'), '127.0.0.3');
    const protocol = carrying(async (tools, resource) => ({
      url: tools.locate(resource),
      status: 302,
      ...(delivery && { delivery }),
    }));
    const serveAll = (...to: readonly string[]) =>
      serve([rule({ ...protocol, rewrite: (_, message) => message }, { to, ...config })], {
        transport: createTransport(),
      });
    for (const first of [await unusedOrigin(), failing.origin]) {
      const both = await serveAll(first, second.origin);
      expect(await ask(both.origin, '/x')).toMatchObject({ status: 200, body: 'bytes' });
      const alone = await serveAll(first);
      expect([502, 503]).toContain((await ask(alone.origin, '/x')).status);
    }
  });

  test('is kept apart for two places on one host', async () => {
    const upstream = await startUpstream((request, response) => {
      response.end(`https://cdn.example${request.url}`);
    });
    const gateway = await serve([rule(byIndex, { match: '/:name/x', to: `${upstream.origin}/:name` })], {
      transport: createTransport(),
    });
    for (const name of ['a', 'b'])
      expect(await ask(gateway.origin, `/${name}/x`)).toMatchObject({
        headers: { location: `https://cdn.example/${name}/index` },
      });
  });

  test('comes from the next upstream when the first is out of order', async () => {
    const second = await startUpstream((_, response) => void response.end('https://cdn.example/file'));
    const { gateway } = await front(() => '', { to: [await unusedOrigin(), second.origin] });
    expect(await ask(gateway.origin, '/x')).toMatchObject({
      status: 302,
      headers: { location: 'https://cdn.example/file' },
    });
  });

  test('is still looked up for the others when the first client who asks goes away', async () => {
    const upstream = await startUpstream((_, response) => {
      setTimeout(() => response.end('https://cdn.example/file'), 300);
    });
    const gateway = await serve([rule(byIndex, { to: upstream.origin })], { transport: createTransport() });
    const gone = send(gateway.port, 'GET /x HTTP/1.1\r\nhost: a\r\n\r\n');
    await eventually(() => upstream.requests.length).toBe(1);
    const answer = ask(gateway.origin, '/x');
    setTimeout(() => gone.destroy(), 100);
    expect(await answer).toMatchObject({ status: 302 });
    expect(upstream.requests).toHaveLength(1);
  });

  test('is looked up with another password when the first is no longer taken', async () => {
    let count = 0;
    const upstream = await startUpstream((request, response) => {
      if (request.headers.authorization === `Basic ${btoa('u:2')}`) response.end('https://cdn.example/file');
      else response.writeHead(401).end();
    });
    const auth = () => ({ username: 'u', password: `${++count}` });
    const gateway = await serve([rule(byIndex, { to: upstream.origin, auth })], {
      transport: createTransport(),
    });
    expect(await ask(gateway.origin, '/x')).toMatchObject({ status: 302 });
    expect(count).toBe(2);
  });

  test('that is left unread keeps no connection', async () => {
    const bytes = gzipSync(randomBytes(30_000_000), { level: 0 });
    const upstream = await startUpstream(
      (_, response) => void response.writeHead(404, { 'content-encoding': 'gzip' }).end(bytes),
    );
    const leaving = carrying(async (tools) => {
      await leaveDocument((await tools.fetch({ type: 'page', path: '/index' } as Page)).body);
      return { status: 404, headers: {}, body: '' };
    });
    const gateway = await serve([rule(leaving, { to: upstream.origin })], { transport: createTransport() });
    await Promise.all(Array.from({ length: 10 }, () => ask(gateway.origin, '/x')));
    await eventually(() => upstream.underWay).toBe(0);
  });

  test('is looked up anew when the line leads elsewhere', async () => {
    const upstream = await startUpstream(
      ({ url }, response) => void response.end(`https://cdn.example${url?.replace('index', 'file')}`),
    );
    const rules = { current: compileRules([]) };
    const gateway = await listen(toNodeHandler(rules, { transport: createTransport() }));
    for (const base of ['one', 'two', 'one']) {
      rules.current = compileRules([rule(byIndex, { name: 'pages', to: `${upstream.origin}/${base}` })]);
      const { headers } = await ask(gateway.origin, '/x');
      expect(headers.location).toBe(`https://cdn.example/${base}/file`);
    }
    expect(upstream.paths).toEqual(['/one/index', '/two/index']);
  });

  test('is made once for all who ask at the same time, and again after a failure', async () => {
    let failing = true;
    const upstream = await startUpstream((_, response) => {
      setTimeout(() => (failing ? response.writeHead(503).end() : response.end('https://a.example/x')), 20);
    });
    const gateway = await serve([rule(byIndex, { to: upstream.origin })], { transport: createTransport() });
    const all = () => Promise.all(Array.from({ length: 20 }, () => ask(gateway.origin, '/x')));
    expect((await all()).map(({ status }) => status)).toEqual(Array(20).fill(502));
    const before = upstream.requests.length;
    failing = false;
    expect((await all()).map(({ status }) => status)).toEqual(Array(20).fill(302));
    expect(upstream.requests.length - before).toBe(1);
  });
});

test('a protocol that throws is told of, and the client is not', async () => {
  const onUpstreamError = vi.fn();
  const broken = carrying(async () => {
    throw new TypeError('of the protocol');
  });
  const gateway = await serve([rule(broken, { to: 'https://a.example' })], { onUpstreamError });
  const { status, body } = await ask(gateway.origin, '/x');
  expect(status).toBe(502);
  expect(body).not.toContain('of the protocol');
  expect(onUpstreamError).toHaveBeenCalledOnce();
});
