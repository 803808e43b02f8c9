import express from 'express';
import express4 from 'express4';
import { describe, expect, test } from 'vitest';

import { toExpressMiddleware } from '../../src/adapters/express.ts';
import type { AdapterOptions } from '../../src/adapters/node.ts';
import { compileRules } from '../../src/core/compile.ts';
import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { npm } from '../../src/protocols/npm.ts';
import { ask, send } from '../gateway/client.ts';
import { listen } from '../gateway/serving.ts';
import { eventually, startRawUpstream, startUpstream } from '../gateway/upstream.ts';

const downloads = compileRules([rule(file, { match: '/dl/*path', to: 'https://cdn.example/*path' })]);

/** A registry with one package. */
function startNpm() {
  return startUpstream((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      `{"versions":{"1.0.0":{"dist":{"tarball":"http://${request.headers.host}/a/-/a-1.0.0.tgz"}}}}`,
    );
  });
}

async function middleware(options: AdapterOptions = {}) {
  const upstream = await startNpm();
  return toExpressMiddleware(compileRules([rule(npm, { to: upstream.origin, downgrade: true })]), options);
}

const tarball = (body: string): string => JSON.parse(body).versions['1.0.0'].dist.tarball;

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('%s', (_, make) => {
  test.each([
    ['/get', '/get/dl/a?b', 302],
    ['/get/', '/get/dl/a', 302],
    ['/get', '/GET/dl/a', 302],
    ['/a/b', '/a/b/dl/a', 302],
    ['/get', '/dl/a', 404],
    ['/get', '/get', 404],
    ['/get', '/getdl/a', 404],
    ['/get', '/get/../dl/a', 404],
  ])('mounted at %s answers %s with %d', async (mount, path, status) => {
    const app = make();
    app.use(mount, toExpressMiddleware(downloads));
    const { origin } = await listen(app);
    const received = await ask(origin, path);
    expect(received.status).toBe(status);
    if (status === 302)
      expect(received.headers.location).toBe(`https://cdn.example/a${path.includes('?') ? '?b' : ''}`);
  });

  test.each([
    ['a mount', '/npm', '/npm/a', '/npm'],
    ['a mount with a variable', '/:team/npm', '/blue%20team/npm/a', '/blue%20team/npm'],
    ['the root', '/', '/a', ''],
  ])('below %s, documents name the whole address', async (_, mount, path, base) => {
    const app = make();
    app.use(mount, await middleware());
    const { origin } = await listen(app);
    expect(tarball((await ask(origin, path)).body)).toBe(`${origin}${base}/a/-/a-1.0.0.tgz`);
  });

  test('below routers in routers, documents name the whole address', async () => {
    const [app, outer, inner] = [make(), make.Router(), make.Router()];
    inner.use('/c', await middleware());
    outer.use('/b', inner);
    app.use('/a', outer);
    const { origin } = await listen(app);
    expect(tarball((await ask(origin, '/a/b/c/a')).body)).toBe(`${origin}/a/b/c/a/-/a-1.0.0.tgz`);
  });

  test('a public origin goes before the mount', async () => {
    const app = make();
    app.use('/npm', await middleware({ publicOrigin: 'https://get.acme.dev' }));
    const { origin } = await listen(app);
    expect(tarball((await ask(origin, '/npm/a')).body)).toBe('https://get.acme.dev/npm/a/-/a-1.0.0.tgz');
  });

  test('a tarball’s address, asked again, comes to the same rule', async () => {
    const app = make();
    app.use('/npm', await middleware());
    const { origin } = await listen(app);
    const address = new URL(tarball((await ask(origin, '/npm/a')).body));
    expect(await ask(origin, address.pathname)).toMatchObject({ status: 302 });
  });

  test('fields that the application has set are kept', async () => {
    const app = make();
    app.use((_, response, next) => {
      response.setHeader('x-request-id', '7');
      next();
    });
    app.use(toExpressMiddleware(downloads));
    const { origin } = await listen(app);
    expect(await ask(origin, '/dl/a')).toMatchObject({ status: 302, headers: { 'x-request-id': '7' } });
  });

  test('an application that has answered meanwhile is left in peace', async () => {
    const upstream = await startUpstream((_, response) => void setTimeout(() => response.end('late'), 150));
    const app = make();
    app.use((_, response, next) => {
      setTimeout(() => {
        response.status(503).write('too ');
        setTimeout(() => response.end('late'), 200);
      }, 50);
      next();
    });
    app.use(toExpressMiddleware(compileRules([rule(file, { to: upstream.origin, mode: 'proxy' })])));
    const { origin } = await listen(app);
    expect(await ask(origin, '/a')).toMatchObject({ status: 503, body: 'too late', complete: true });
  });

  test('a client that leaves before the middleware runs costs no upstream', async () => {
    const upstream = await startRawUpstream(
      (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx'),
    );
    const records: boolean[] = [];
    const app = make();
    let arrived = false;
    let ran = false;
    app.use((request, _, next) => {
      arrived = true;
      request.socket.once('close', () => setTimeout(next, 50));
    });
    app.use((_request, _response, next) => {
      ran = true;
      next();
    });
    const rules = compileRules([rule(file, { to: upstream.origin, mode: 'proxy' })]);
    app.use(toExpressMiddleware(rules, { onResponse: ({ complete }) => void records.push(complete) }));
    const { port } = await listen(app);
    const client = send(port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => arrived).toBe(true);
    client.destroy();
    await eventually(() => ran).toBe(true);
    await eventually(() => records).toEqual([false]);
    await eventually(() => upstream.underWay).toBe(0);
  });

  test('a body that a parser has taken is not waited for', async () => {
    const upstream = await startUpstream(
      (request, response) => void request.resume().on('end', () => response.end('{}')),
    );
    const app = make();
    app.use(make.json());
    app.use(toExpressMiddleware(compileRules([rule(npm, { to: upstream.origin, mode: 'proxy' })])));
    const { origin } = await listen(app);
    const headers = { 'content-type': 'application/json' };
    const asked = { method: 'POST', headers, body: '{"a":1}' };
    expect((await ask(origin, '/-/npm/v1/security/advisories/bulk', asked)).status).toBeLessThan(600);
  });
});
