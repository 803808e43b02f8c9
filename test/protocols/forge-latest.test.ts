import { describe, expect, test } from 'vitest';

import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { forge } from '../../src/protocols/forge.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { startUpstream, unusedOrigin } from '../gateway/upstream.ts';

describe('the latest release', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };

  /** An upstream with an answer for each path, and a gateway in front of it. */
  async function front(
    answers: Readonly<Record<string, string | { status: number; location?: string; body?: string }>>,
    config: (origin: string) => RuleConfig,
  ) {
    const upstream = await startUpstream((request, response) => {
      const answer = answers[request.url ?? ''] ?? { status: 404 };
      const {
        status,
        location,
        body = '',
      } = typeof answer === 'string' ? { status: 302, location: answer } : { location: undefined, ...answer };
      const { origin } = upstream;
      const headers = location === undefined ? JSON_TYPE : { location: location.replace('{own}', origin) };
      response.writeHead(status, headers).end(body.replaceAll('{own}', origin));
    });
    const gateway = await serve([rule(forge, { match: 'cli', ...config(upstream.origin) })]);
    return { upstream, gateway };
  }

  const at = (kind: string, path: string, options?: Record<string, unknown>) => (origin: string) => ({
    to: `${kind}:${origin}${path}`,
    ...(options && { options }),
  });
  const said = (options: Record<string, unknown>) => (origin: string) => ({
    to: `${origin}/dl/:tag/:file`,
    options: { latest: `${origin}/which/:project`, ...options },
  });
  const text = (body: string) => ({ status: 200, body });

  type Answers = Parameters<typeof front>[0];
  test.each<
    [title: string, answers: Answers, config: (origin: string) => RuleConfig, tag: string, file: string]
  >([
    [
      'GitHub says by a redirect to its page',
      { '/acme/cli/releases/latest': '{own}/acme/cli/releases/tag/v1.2.0' },
      at('github', '/acme/cli'),
      'v1.2.0',
      '/acme/cli/releases/download/v1.2.0/x%2By',
    ],
    [
      'GitHub says of a project that was renamed, of a tag with slashes',
      {
        '/acme/cli/releases/latest': { status: 301, location: '{own}/new/cli/releases/latest' },
        '/new/cli/releases/latest': '/new/cli/releases/tag/a/b%2Fc',
      },
      at('github', '/acme/cli'),
      'a%2Fb%2Fc',
      '/acme/cli/releases/download/a%2Fb%2Fc/x%2By',
    ],
    [
      'GitLab says by a permanent link',
      { '/a/b/cli/-/releases/permalink/latest': '/a/b/cli/-/releases/v2' },
      at('gitlab', '/a/b/cli'),
      'v2',
      '/a/b/cli/-/releases/v2/downloads/x%2By',
    ],
    [
      'Gitea says by a redirect to its page',
      { '/git/acme/cli/releases/latest': { status: 303, location: '/git/acme/cli/releases/tag/v3' } },
      at('gitea', '/git/acme/cli'),
      'v3',
      '/git/acme/cli/releases/download/v3/x%2By',
    ],
    [
      'SourceForge says by the folder of its best file',
      { '/projects/acme/best_release.json': text('{"release":{"filename":"/cli/1.2 b/cli.tgz"}}') },
      at('sourceforge', '/project/acme'),
      'cli%2F1.2%20b',
      '/project/acme/cli/1.2%20b/x%2By',
    ],
    [
      'SourceForge says by the folder of its best file, below that of the rule',
      { '/projects/acme/best_release.json': text('{"release":{"filename":"/cli/1.2/cli.tgz"}}') },
      at('sourceforge', '/project/acme/cli'),
      '1.2',
      '/project/acme/cli/1.2/x%2By',
    ],
    [
      'an address of the rule says by a redirect',
      { '/which/cli': '/somewhere/v4/' },
      said({}),
      'v4',
      '/dl/v4/x%2By',
    ],
    [
      'an address of the rule says as text',
      { '/which/cli': text(' v5\nand more') },
      said({ latestFrom: 'text' }),
      'v5',
      '/dl/v5/x%2By',
    ],
    [
      'an address of the rule says as JSON',
      { '/which/cli': text('{"tag_name":"@acme/cli@1"}') },
      said({ latestFrom: 'json' }),
      '%40acme%2Fcli%401',
      '/dl/%40acme%2Fcli%401/x%2By',
    ],
    [
      'an address of the rule says deep in JSON, behind a redirect',
      { '/which/cli': '/deep', '/deep': text('{"a":[{"b":"v6"}]}') },
      said({ latestPath: 'a.0.b' }),
      'v6',
      '/dl/v6/x%2By',
    ],
    [
      'an address of the rule says it for a host that does not',
      { '/which/cli': text('v7') },
      (origin) => ({
        to: `bitbucket:${origin}/acme/cli`,
        options: { latest: `${origin}/which/cli`, latestFrom: 'text' },
      }),
      'v7',
      '/acme/cli/downloads/x%2By',
    ],
  ])('is what %s', async (_, answers, config, tag, file) => {
    const { gateway, upstream } = await front(answers, config);
    const asked = Object.keys(answers).length;
    for (let count = 0; count < 2; count++) {
      expect(await ask(gateway.origin, '/cli/releases/latest')).toMatchObject({
        status: 302,
        headers: { location: `${gateway.origin}/cli/releases/tag/${tag}`, 'cache-control': 'no-store' },
        body: '',
      });
      expect(await ask(gateway.origin, '/cli/releases/latest/download/x%2By?q=1')).toMatchObject({
        status: 302,
        headers: { location: `${upstream.origin}${file}?q=1`, 'cache-control': 'no-store' },
        body: '',
      });
    }
    // The page of the release, to which hosts redirect, is not fetched.
    expect(upstream.paths.length).toBe(asked);
  });

  test.each<[title: string, answers: Answers, config: (origin: string) => RuleConfig, status: number]>([
    ['there is no such project', {}, at('github', '/acme/cli'), 404],
    [
      'there is no release yet',
      { '/acme/cli/releases/latest': '/acme/cli/releases', '/acme/cli/releases': text('') },
      at('github', '/acme/cli'),
      404,
    ],
    ['GitLab has none', {}, at('gitlab', '/acme/cli'), 404],
    [
      'GitLab goes round to its own link',
      { '/cli/-/releases/permalink/latest': { status: 404 } },
      at('gitlab', '/cli'),
      404,
    ],
    [
      'SourceForge has none',
      { '/projects/acme/best_release.json': text('{"release":null}') },
      at('sourceforge', '/project/acme'),
      404,
    ],
    [
      'the best file of SourceForge is of another folder',
      { '/projects/acme/best_release.json': text('{"release":{"filename":"/other/1/x"}}') },
      at('sourceforge', '/project/acme/cli'),
      404,
    ],
    [
      'the best file of SourceForge is in no folder',
      { '/projects/acme/best_release.json': text('{"release":{"filename":"/x"}}') },
      at('sourceforge', '/project/acme'),
      404,
    ],
    [
      'the host wants a credential',
      { '/acme/cli/releases/latest': { status: 401 } },
      at('github', '/acme/cli'),
      401,
    ],
    ['the host refuses it', { '/acme/cli/releases/latest': { status: 403 } }, at('github', '/acme/cli'), 403],
    [
      'the host is out of order',
      { '/acme/cli/releases/latest': { status: 500 } },
      at('github', '/acme/cli'),
      502,
    ],
    [
      'the host wants no more',
      { '/acme/cli/releases/latest': { status: 429 } },
      at('github', '/acme/cli'),
      429,
    ],
    [
      'the tag climbs',
      { '/acme/cli/releases/latest': '/acme/cli/releases/tag/%252e%252e' },
      at('github', '/acme/cli'),
      302,
    ],
    ['the text climbs', { '/which/cli': text('..') }, said({ latestFrom: 'text' }), 404],
    [
      'the text is one of control characters',
      { '/which/cli': text('a\rb') },
      said({ latestFrom: 'text' }),
      404,
    ],
    ['the text is empty', { '/which/cli': text('\n') }, said({ latestFrom: 'text' }), 404],
    [
      'the text is too long',
      { '/which/cli': text('x'.repeat(2_000_000)) },
      said({ latestFrom: 'text' }),
      502,
    ],
    [
      'the text is as long as no tag',
      { '/which/cli': text('x'.repeat(2000)) },
      said({ latestFrom: 'text' }),
      404,
    ],
    ['there is no text', {}, said({ latestFrom: 'text' }), 404],
    ['there is no redirect', { '/which/cli': text('v1') }, said({}), 404],
    ['the redirect has no tag', { '/which/cli': '/' }, said({}), 404],
    ['the document is none', { '/which/cli': text('v1') }, said({ latestFrom: 'json' }), 502],
    ['the document has no tag', { '/which/cli': text('{"tag_name":1}') }, said({ latestFrom: 'json' }), 404],
    ['the document is no object', { '/which/cli': text('1') }, said({ latestFrom: 'json' }), 404],
    ['the document is refused', { '/which/cli': { status: 403 } }, said({ latestFrom: 'json' }), 403],
    [
      'the tag in it is half a character',
      { '/which/cli': text('{"tag_name":"\\ud800"}') },
      said({ latestFrom: 'json' }),
      502,
    ],
  ])('is not known when %s', async (_, answers, config, status) => {
    const { gateway } = await front(answers, config);
    for (const path of ['/cli/releases/latest', '/cli/releases/latest/download/x'])
      expect(await ask(gateway.origin, path)).toMatchObject({
        status,
        body: status === 302 ? '' : expect.stringMatching(/\.\n$/),
      });
  });

  /** A host whose latest release changes, and what is said of it at a gateway in front. */
  async function changing(options: Record<string, unknown>) {
    let tag = 'v1';
    const upstream = await startUpstream((_, response) => {
      setTimeout(() => response.writeHead(302, { location: `/acme/cli/releases/tag/${tag}` }).end(), 50);
    });
    const to = `github:${upstream.origin}/acme/cli`;
    const gateway = await serve([rule(forge, { match: 'cli', to, options })]);
    const read = async () =>
      (await ask(gateway.origin, '/cli/releases/latest')).headers.location?.split('/').at(-1);
    const release = (other: string) => {
      tag = other;
    };
    return { upstream, read, release };
  }

  test('is asked for once, for all who wait, and kept', async () => {
    const { upstream, read, release } = await changing({});
    const many = await Promise.all(Array.from({ length: 200 }, read));
    release('v2');
    expect(new Set([...many, await read()])).toEqual(new Set(['v1']));
    expect(upstream.paths).toEqual(['/acme/cli/releases/latest']);
  });

  test('is asked for again after its time', async () => {
    const { read, release } = await changing({ latestFor: 1 });
    expect(await read()).toBe('v1');
    release('v2');
    await expect.poll(read, { timeout: 10_000, interval: 100 }).toBe('v2');
  });

  test('is told by the next host when one is down, and that there is none', async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(302, { location: '/acme/cli/releases/tag/v1' }).end();
    });
    const down = `github:${await unusedOrigin()}/acme/cli`;
    const path = '/cli/releases/latest/download/x';
    const gateway = await serve([
      rule(forge, { match: 'cli', to: [down, `github:${upstream.origin}/acme/cli`] }),
    ]);
    expect(await ask(gateway.origin, path)).toMatchObject({
      status: 302,
      headers: { location: `${upstream.origin}/acme/cli/releases/download/v1/x` },
    });
    const alone = await serve([rule(forge, { match: 'cli', to: down })]);
    const { status, headers, body } = await ask(alone.origin, path);
    expect([502, 503]).toContain(status);
    expect(headers['retry-after']).toBeDefined();
    expect(body).toMatch(/^The upstream .*\.\n$/);
  });
});
