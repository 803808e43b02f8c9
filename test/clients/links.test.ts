import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { openPage } from './programs/chromium.ts';
import { type Curl, openCurl } from './programs/curl.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type FileOrigin, startFileOrigin } from './upstreams/file-origin.ts';

const html = { 'content-type': 'text/html' };

const cleanup = createCleanup();
let curl: Curl;
let before: FileOrigin;
let after: FileOrigin;
let turnout: Turnout;

beforeAll(async () => {
  curl = await cleanup.use(openCurl());
  before = await cleanup.use(startFileOrigin());
  after = await cleanup.use(startFileOrigin());
  for (const [origin, text] of [
    [before, 'the old docs'],
    [after, 'the new docs'],
  ] as const)
    origin.put('/start', { body: Buffer.from(`<p id="told">${text}</p>`), headers: html });
  turnout = await cleanup.use(
    startTurnout(`rules:
  - name: links
    protocol: link
    options:
      links:
        docs: ${before.origin}/start?v=2#told
        team/chat: ${before.origin}/chat

  - name: page
    at: /downloads/
    protocol: downloads
    options:
      title: Acme & friends
      items:
        - title: Acme <CLI>
          platforms: [Linux x86-64]
          file: /cli/acme.tgz
        - title: Acme for Windows
          platforms: [Windows]
          file: /cli/acme.msi

  - name: cli
    protocol: file
    match: /cli/:file
    to: ${before.origin}/:file
    notice: It moves on 1 March.
`),
  );
});
beforeEach(() => {
  before.forget();
  turnout.forget();
});
afterAll(() => cleanup.run());

describe('a short link', () => {
  test('leads curl to its address, with the query behind the address’s own', async () => {
    const fetched = await curl.fetch(`${turnout.origin}/docs?from=mail&v=1`);
    expect(fetched).toMatchObject({ ok: true, status: 200, redirects: 1 });
    expect(before.requests.map(({ url }) => url)).toEqual(['/start?v=2&from=mail']);
    expect(await turnout.waitForAccess(({ rule }) => rule === 'links')).toMatchObject({
      type: 'redirect',
      protocol: 'link',
      status: 302,
    });
  });

  test('leads Chromium there, fragment and all', async () => {
    expect(await openPage(`${turnout.origin}/docs/`)).toContain('<p id="told">the old docs</p>');
    expect(before.requests.map(({ url }) => url)).toContain('/start?v=2');
  });

  test.each(['/team/chat', '/Docs', '/docs/x', '//evil.example', '/team%2Fchat', '/x'])(
    'is its name alone: %s',
    async (path) => {
      const fetched = await curl.run('-sS', '-o', '/dev/null', '-w', '%{http_code}', turnout.origin + path);
      expect(fetched.stdout).toBe(path === '/team/chat' ? '302' : '404');
    },
  );

  test('leads elsewhere with the next request when its line is edited', async () => {
    await turnout.edit(`docs: ${before.origin}/start`, `docs: ${after.origin}/start`);
    expect((await curl.fetch(`${turnout.origin}/docs`)).body.toString()).toContain('the new docs');
    expect(before.requests).toEqual([]);
  });
});

describe('the page of downloads', () => {
  test('is shown by Chromium, with the file for its system first and no complaint', async () => {
    const page = await openPage(`${turnout.origin}/downloads/`, '--user-agent=Mozilla/5.0 (Windows NT 10.0)');
    expect(page).toContain('<h1>Acme &amp; friends</h1>');
    const titles = [...page.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, title]) => title);
    expect(titles).toEqual(['Acme for Windows', 'Acme &lt;CLI&gt;', 'links', 'cli']);
    expect(page).toContain(`href="${turnout.origin}/cli/acme.msi"`);
    expect(page).toContain('It moves on 1 March.');
  });

  test('is JSON for programs, and 304 for who has it', async () => {
    const address = `${turnout.origin}/downloads/`;
    const fetched = await curl.fetch('-H', 'Accept: application/json', address);
    const list = JSON.parse(fetched.body.toString());
    expect(list.rules).toMatchObject([
      { rule: 'links', usage: `curl -fL '${turnout.origin}/docs'` },
      { rule: 'cli', usage: `curl -fLO '${turnout.origin}/cli/<file>'`, notice: 'It moves on 1 March.' },
    ]);
    const again = await curl.fetch(
      ...['-H', 'Accept: application/json', '-H', `If-None-Match: ${fetched.headers.get('etag')}`, address],
    );
    expect(again.status).toBe(304);
    expect(again.body.length).toBe(0);
  });
});
