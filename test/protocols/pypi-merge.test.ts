import { describe, expect, test } from 'vitest';

import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { pypi } from '../../src/protocols/pypi.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { type Handler, startUpstream } from '../gateway/upstream.ts';

const jsonPage =
  (files: readonly object[]): Handler =>
  (_, response) =>
    void response
      .setHeader('content-type', 'application/vnd.pypi.simple.v1+json')
      .end(JSON.stringify({ meta: { 'api-version': '1.1' }, name: 'acme', files }));

const htmlPage =
  (body: string): Handler =>
  (_, response) =>
    void response.setHeader('content-type', 'text/html').end(body);

const answer =
  (status: number): Handler =>
  (_, response) =>
    void response.writeHead(status).end('no');

const old = [
  { filename: 'acme-1.0.tar.gz', url: 'https://files.example/a1/acme-1.0.tar.gz', hashes: { sha256: 'aa' } },
  {
    filename: 'acme-1.1-py3-none-any.whl',
    url: 'https://files.example/a2/acme-1.1-py3-none-any.whl',
    hashes: { md5: 'x', sha256: 'bb' },
    'requires-python': '>=3.8,<4',
    yanked: 'a "reason"',
    'core-metadata': { sha256: 'cc' },
    provenance: 'https://files.example/p',
  },
];
const fresh = `<html><head><base href="../../packages/"></head><body>
<a href="acme-1.1-py3-none-any.whl#sha256=other">not this one</a>
<a href="acme-2.0-py3-none-any.whl#sha256=dd" data-requires-python="&gt;=3.9" rel="x" onclick="y">new</a>
<a href="https://elsewhere.example/">no file</a></body></html>`;

async function front(first: Handler, second: Handler, config: RuleConfig = {}) {
  const [one, two] = await Promise.all([startUpstream(first), startUpstream(second)]);
  const gateway = await serve([rule(pypi, { to: [one.origin, two.origin], merge: true, ...config })]);
  return { one, two, gateway };
}

describe('an index of several', () => {
  test('has what any of them has, and of what several have the first\u2019s', async () => {
    const { gateway } = await front(jsonPage(old), htmlPage(fresh));
    const { status, headers, body } = await ask(gateway.origin, '/simple/acme/');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(body.match(/<a .*<\/a>/g)).toEqual([
      '<a href="../../files/acme/acme-1.0.tar.gz#sha256=aa">acme-1.0.tar.gz</a>',
      '<a href="../../files/acme/acme-1.1-py3-none-any.whl#sha256=bb" data-requires-python="&gt;=3.8,&lt;4" data-yanked="a &quot;reason&quot;" data-core-metadata="sha256=cc" data-dist-info-metadata="sha256=cc">acme-1.1-py3-none-any.whl</a>',
      '<a data-requires-python="&gt;=3.9" href="../../files/acme/acme-2.0-py3-none-any.whl#sha256=dd">acme-2.0-py3-none-any.whl</a>',
    ]);
  });

  test('leads to each file where it is', async () => {
    const { two, gateway } = await front(jsonPage(old), htmlPage(fresh));
    const locations = await Promise.all(
      ['acme-1.0.tar.gz', 'acme-1.1-py3-none-any.whl', 'acme-2.0-py3-none-any.whl', 'acme-3.0.tar.gz'].map(
        async (file) => {
          const { status, headers } = await ask(gateway.origin, `/files/acme/${file}`);
          return headers.location ?? status;
        },
      ),
    );
    expect(locations).toEqual([
      'https://files.example/a1/acme-1.0.tar.gz',
      'https://files.example/a2/acme-1.1-py3-none-any.whl',
      `${two.origin}/packages/acme-2.0-py3-none-any.whl`,
      404,
    ]);
  });

  test('fetches a file with the credential of the upstream that has it', async () => {
    const locked: Handler = (request, response) => {
      if (request.headers.authorization !== 'Bearer two') return void response.writeHead(401).end();
      if (request.url?.startsWith('/simple/')) return htmlPage(fresh)(request, response, 0);
      response.end('wheel');
    };
    const [one, two] = await Promise.all([startUpstream(answer(404)), startUpstream(locked)]);
    const to = [one.origin, { url: two.origin, auth: { token: 'two' } }];
    const gateway = await serve([rule(pypi, { to, merge: true })]);
    expect(await ask(gateway.origin, '/files/acme/acme-2.0-py3-none-any.whl')).toMatchObject({
      body: 'wheel',
    });
    expect(one.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test.each<readonly [string, Handler, Handler, number]>([
    ['one that does not know the project adds nothing', answer(404), htmlPage(fresh), 200],
    ['none knows the project', answer(404), answer(404), 404],
    ['the first refuses', answer(403), htmlPage(fresh), 403],
    ['the second refuses', jsonPage(old), answer(401), 401],
    ['the second is out of order', jsonPage(old), answer(503), 502],
    ['the second answers with something else', jsonPage(old), (_, response) => void response.end('x'), 502],
  ])('when %s', async (_, first, second, status) => {
    const { gateway } = await front(first, second);
    expect((await ask(gateway.origin, '/simple/acme/')).status).toBe(status);
  });
});

test('without `merge`, whoever is first answers alone', async () => {
  const { two, gateway } = await front(answer(404), htmlPage(fresh), { merge: false });
  expect((await ask(gateway.origin, '/simple/acme/')).status).toBe(404);
  expect((await ask(gateway.origin, '/files/acme/acme-2.0-py3-none-any.whl')).status).toBe(404);
  expect(two.requests).toEqual([]);
});
