import { describe, expect, test } from 'vitest';

import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { forge } from '../../src/protocols/forge.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { startUpstream } from '../gateway/upstream.ts';

const RELEASE = JSON.stringify({
  tag_name: 'v1',
  assets: [{ name: 'a+b', id: 7 }, { name: 'other', id: 'x' }, 1],
});

describe("GitHub's API", () => {
  /** An API that takes one token, and sends to a store that takes none. */
  async function front(mode: RuleConfig['mode'], token: string | undefined = 'good') {
    const store = await startUpstream((request, response) => {
      if (request.headers.authorization) response.writeHead(400).end();
      else response.writeHead(200, { 'content-disposition': 'attachment' }).end(`bytes of ${request.url}`);
    }, '127.0.0.3');
    const redirects: Readonly<Record<string, string>> = {
      '/repos/acme/cli/releases/assets/7 application/octet-stream': '/signed?x=%2B',
      '/repos/acme/cli/tarball/refs/tags/v1 */*': '/codeload',
    };
    const api = await startUpstream((request, response) => {
      const { url = '', headers } = request;
      const location = redirects[`${url} ${headers.accept}`];
      if (headers.authorization !== 'Bearer good') response.writeHead(token === 'bad' ? 403 : 401).end();
      else if (location) response.writeHead(302, { location: store.origin + location }).end();
      else if (/\/releases\/(?:tags\/v1|latest)$/.test(url)) response.end(RELEASE);
      else if (headers.accept === 'application/vnd.github.raw+json') response.end(`raw ${url}`);
      else response.writeHead(404).end();
    });
    const gateway = await serve([
      rule(forge, {
        match: 'cli',
        to: { url: `github-api:${api.origin}/repos/acme/cli`, allow: [store.host] },
        ...(mode && { mode }),
        ...(token && { auth: { token } }),
      }),
    ]);
    return { gateway, api, store };
  }

  test.each<[mode: RuleConfig['mode'], path: string, expected: string]>([
    ['auto', '/cli/releases/download/v1/a%2Bb', '302 /signed?x=%2B'],
    ['auto', '/cli/releases/latest/download/a+b', '302 /signed?x=%2B'],
    ['auto', '/cli/archive/refs/tags/v1.tar.gz', '302 /codeload'],
    ['auto', '/cli/raw/refs/heads/a%2Fb+c/x.sh', '200 raw /repos/acme/cli/contents/x.sh?ref=a/b%2Bc'],
    ['proxy', '/cli/releases/download/v1/a%2Bb', '200 bytes of /signed?x=%2B'],
    ['redirect', '/cli/releases/latest/download/a%2Bb', '200 bytes of /signed?x=%2B'],
    ['auto', '/cli/releases/download/v1/other', '404 The release has no such file.'],
    ['auto', '/cli/releases/download/v1/%ff', '404 The release has no such file.'],
    ['auto', '/cli/releases/download/v2/a%2Bb', '404 There is no such release.'],
  ])('in mode %s has %s: %s', async (mode, path, expected) => {
    const { gateway, api, store } = await front(mode);
    for (let count = 0; count < 2; count++) {
      const { status, headers, body } = await ask(gateway.origin, path, { headers: { accept: '*/*' } });
      expect(`${status} ${headers.location?.replace(store.origin, '') ?? body.trim()}`).toBe(expected);
    }
    // What a release has is asked once.
    expect(
      api.paths.filter((asked) => /tags|latest/.test(asked) && !/tarball/.test(asked)).length,
    ).toBeLessThan(2);
  });

  test('tells the latest release', async () => {
    const { gateway } = await front('auto');
    expect((await ask(gateway.origin, '/cli/releases/latest')).headers.location).toBe(
      `${gateway.origin}/cli/releases/tag/v1`,
    );
    expect(await ask(gateway.origin, '/cli/releases/tag/v1')).toMatchObject({ status: 200, body: 'v1\n' });
  });

  test.each([
    ['without a token', undefined, 401],
    ['with a token that is not taken', 'bad', 403],
  ])('refuses %s, and is asked again', async (_, token, status) => {
    const { gateway, api } = await front('auto', token ?? '');
    for (let count = 0; count < 2; count++)
      expect(await ask(gateway.origin, '/cli/releases/download/v1/a')).toMatchObject({ status });
    expect(api.paths.length).toBe(2);
  });
});
