import { describe, expect, test } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { ask } from './client.ts';
import { serve, transports } from './serving.ts';
import { startUpstream, unusedOrigin } from './upstream.ts';

const site = 'https://www.acme.example';
const headers = { origin: site };

describe.each(transports)('over %s, what a script of another site asks for', (_, createTransport) => {
  const serveFiles = (to: string, cors: readonly string[]) =>
    serve([rule(file, { to, mode: 'proxy', options: { cors } })], { transport: createTransport() });

  test('has the rule’s word in place of the upstream’s', async () => {
    const upstream = await startUpstream((_, response) => {
      response
        .writeHead(200, { 'access-control-allow-origin': '*', vary: 'accept-encoding', etag: '"a"' })
        .end('ok');
    });
    const own = await serveFiles(upstream.origin, [site]);
    expect(await ask(own.origin, '/a', { headers })).toMatchObject({
      status: 200,
      body: 'ok',
      headers: { 'access-control-allow-origin': site, vary: 'accept-encoding, origin', etag: '"a"' },
    });
    const stranger = await ask(own.origin, '/a', { headers: { origin: 'https://evil.example' } });
    expect(stranger.headers['access-control-allow-origin']).toBe(site);
    const none = await serveFiles(upstream.origin, []);
    expect((await ask(none.origin, '/a', { headers })).headers).toMatchObject({
      'access-control-allow-origin': '*',
      vary: 'accept-encoding',
    });
  });

  test('is readable too when there is none, or the upstream is gone', async () => {
    const upstream = await startUpstream((_, response) => void response.writeHead(404).end('none'));
    const shared = await serveFiles(upstream.origin, ['*']);
    expect(await ask(shared.origin, '/a', { headers })).toMatchObject({
      status: 404,
      headers: { 'access-control-allow-origin': '*' },
    });
    const gone = await serveFiles(await unusedOrigin(), ['*']);
    expect(await ask(gone.origin, '/a', { headers })).toMatchObject({
      status: 502,
      headers: { 'access-control-allow-origin': '*', 'retry-after': '10' },
    });
  });

  test('is asked for without a question to the upstream', async () => {
    const upstream = await startUpstream((_, response) => void response.end('ok'));
    const shared = await serveFiles(upstream.origin, ['*']);
    const question = { origin: site, 'access-control-request-method': 'GET' };
    expect(await ask(shared.origin, '/a', { method: 'OPTIONS', headers: question })).toMatchObject({
      status: 200,
      body: '',
      headers: { 'access-control-allow-methods': 'GET, HEAD', 'access-control-allow-origin': '*' },
    });
    expect(upstream.requests).toEqual([]);
  });
});
