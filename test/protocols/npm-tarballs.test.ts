import { describe, expect, test } from 'vitest';

import type { Answer, Lead, Tools } from '../../src/core/protocol.ts';
import { createMemory } from '../../src/gateway/memory.ts';
import { type NpmTarball, npm } from '../../src/protocols/npm.ts';
import { contextOf, noTools, upstreamOf } from './test-protocol.ts';

const url = 'https://npm.example/r/@acme%2fcli';
const context = contextOf('auto', upstreamOf('https://npm.example'));

/** The document of a package: the addresses of its tarballs by version. */
const packument = (tarballs: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    versions: Object.fromEntries(
      Object.entries(tarballs).map(([version, tarball]) => [version, { version, dist: { tarball } }]),
    ),
  });

interface Served {
  readonly status?: number;
  readonly text: string;
}

/** Tools whose upstream answers with one after the other, the last one again and again. */
function createTools(...answers: readonly Served[]): Tools & { readonly asked: string[] } {
  const memory = createMemory();
  const asked: string[] = [];
  return {
    ...noTools,
    asked,
    async fetch(resource, headers = {}) {
      const { status = 200, text } = answers[Math.min(asked.length, answers.length - 1)] as Served;
      asked.push(`${npm.format(resource as NpmTarball)} ${headers.accept?.slice(0, 35)}`);
      async function* body() {
        const bytes = new TextEncoder().encode(text);
        const size = bytes.length > 100_000 ? 65_536 : 9;
        for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
      }
      return { status, url, headers: {}, body: body() };
    },
    keep: memory.keep,
    forget: memory.forget,
  };
}

function find(tools: Tools, file: string, name = '@acme/cli'): Promise<Answer | Lead> {
  const carried = npm.carry?.({ type: 'tarball', name, file }, context, tools);
  return carried ?? Promise.reject(new Error('no carry'));
}

/** Each layout as its registry writes it. */
const layouts: readonly (readonly [registry: string, tarball: string, address?: string])[] = [
  ['npm', 'https://npm.example/@acme/cli/-/cli-1.0.0.tgz'],
  ['GitHub Packages', 'https://npm.pkg.github.com/download/@acme/cli/1.0.0/0a1b2c'],
  ['GitLab', 'https://gitlab.example/api/v4/projects/7/packages/npm/@acme/cli/-/@acme/cli-1.0.0.tgz'],
  ['Artifactory', 'https://af.example/artifactory/api/npm/npm-local/@acme/cli/-/@acme/cli-1.0.0.tgz'],
  ['Azure', 'https://pkgs.dev.azure.com/acme/_packaging/feed/npm/registry/@acme/cli/-/cli-1.0.0.tgz'],
  ['npm.jsr.io', 'https://npm.jsr.io/~/11/@acme/cli/1.0.0.tgz'],
  ['one that signs', 'https://s3.example/b/x?X-Sig=%2f%20a&b=1'],
  ['one that names the path', '/files/x.tgz', 'https://npm.example/files/x.tgz'],
  ['one that names the file', 'x.tgz', 'https://npm.example/r/x.tgz'],
];

describe('a tarball', () => {
  test.each(layouts.map(([registry, tarball, address = tarball]) => [registry, tarball, address] as const))(
    'is where the package says: %s',
    async (_, tarball, address) => {
      const tools = createTools({
        text: packument({ '0.9.0': 'https://a.example/x.tgz', '1.0.0': tarball }),
      });
      const lead = { url: address, status: 302 };
      expect(await find(tools, 'cli-1.0.0.tgz')).toEqual(lead);
      // As lock files have it that were made with another registry.
      expect(await find(tools, '@acme/cli-1.0.0.tgz')).toEqual(lead);
      expect(tools.asked).toEqual(['/@acme%2fcli application/vnd.npm.install-v1+json']);
    },
  );

  test('is that of the version, though another one is called so', async () => {
    const tools = createTools({
      text: packument({
        '1.0.0': 'https://npm.example/-/cli-2.0.0.tgz',
        '2.0.0': 'https://npm.example/-/cli-1.0.0.tgz',
        '3.0.0': 'https://npm.example/-/old.tgz',
        '3.0.0-a.1+b': 'https://npm.example/-/cli-3.0.0-a.1.tgz',
      }),
    });
    expect(await find(tools, 'cli-1.0.0.tgz')).toMatchObject({ url: 'https://npm.example/-/cli-2.0.0.tgz' });
    expect(await find(tools, 'cli-2.0.0.tgz')).toMatchObject({ url: 'https://npm.example/-/cli-1.0.0.tgz' });
    for (const file of ['cli-3.0.0.tgz', 'old.tgz'])
      expect(await find(tools, file)).toMatchObject({ url: 'https://npm.example/-/old.tgz' });
    for (const file of ['cli-3.0.0-a.1.tgz', 'cli-3.0.0-a.1+b.tgz'])
      expect(await find(tools, file)).toMatchObject({ url: 'https://npm.example/-/cli-3.0.0-a.1.tgz' });
    expect(tools.asked).toHaveLength(1);
  });

  test('of a package without a scope', async () => {
    const tools = createTools({ text: packument({ '1.0.0': 'https://a.example/x' }) });
    expect(await find(tools, 'left-1.0.0.tgz', 'left')).toEqual({ url: 'https://a.example/x', status: 302 });
  });

  test('that is younger than what is known is found, and asked for once', async () => {
    const tools = createTools(
      { text: packument({ '1.0.0': 'https://a.example/1' }) },
      { text: packument({ '1.0.0': 'https://a.example/1', '2.0.0': 'https://a.example/2' }) },
    );
    expect(await find(tools, 'cli-1.0.0.tgz')).toMatchObject({ url: 'https://a.example/1' });
    const found = await Promise.all(Array.from({ length: 5 }, () => find(tools, 'cli-2.0.0.tgz')));
    expect(found).toEqual(Array(5).fill({ url: 'https://a.example/2', status: 302 }));
    expect(tools.asked).toHaveLength(2);
  });

  test('that nobody has is 404, and makes the gateway ask no more than once in a while', async () => {
    const tools = createTools({ text: packument({ '1.0.0': 'https://a.example/1', '2.0.0': 'https://' }) });
    for (let count = 0; count < 20; count++) {
      expect(await find(tools, `cli-${count + 2}.0.0.tgz`)).toMatchObject({
        status: 404,
        body: expect.stringContaining(
          `{"error":"The package @acme/cli has no file cli-${count + 2}.0.0.tgz."}`,
        ),
      });
    }
    expect(tools.asked).toHaveLength(2);
  });

  test.each([401, 403, 404, 402, 451])(
    'of a package that the registry refuses with %i is refused so, until it is not',
    async (status) => {
      const tools = createTools(
        { status, text: '{}' },
        { text: packument({ '1.0.0': 'https://a.example/1' }) },
      );
      expect(await find(tools, 'cli-1.0.0.tgz')).toMatchObject({
        status,
        headers: { 'content-type': 'application/json' },
        body: `{"error":"The registry answers ${status} for the package @acme/cli."}`,
      });
      expect(await find(tools, 'cli-1.0.0.tgz')).toMatchObject({ url: 'https://a.example/1' });
    },
  );

  test('for which clients show a credential of their own is refused with how to', async () => {
    const tools = createTools({ status: 401, text: '{}' });
    const answer = npm.carry?.(
      { type: 'tarball', name: 'left', file: 'left-1.0.0.tgz' },
      { ...context, delegated: true },
      tools,
    );
    expect(await answer).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${context.publicUrl}"` },
    });
  });

  test.each([
    ['a redirect without an address', { status: 304, text: '' }, 'answers 304'],
    [
      'more than anybody has',
      { text: packument({ '1.0.0': `https://a.example/${'x'.repeat(60_000)}` }) },
      '',
    ],
  ])('of a document that is %s', async (_, served, message) => {
    if (message !== '') await expect(find(createTools(served), 'cli-1.0.0.tgz')).rejects.toThrow(message);
    else expect(await find(createTools(served), 'cli-1.0.0.tgz')).toMatchObject({ status: 302 });
  });

  test('of a list without end is given up', async () => {
    const long = 'x'.repeat(60_000);
    const tarballs = Object.fromEntries(
      Array.from({ length: 200 }, (_, index) => [`1.0.${index}`, `https://a.example/${long}/${index}`]),
    );
    await expect(find(createTools({ text: packument(tarballs) }), 'cli-1.0.0.tgz')).rejects.toThrow(
      'more tarballs than anybody',
    );
  });

  test.each([
    '',
    '<html>',
    '{"versions":[]}',
    '{"versions":{"1.0.0":{"dist":{"tarball":7}}}}',
    '{"versions":{',
  ])('of a document that is none is 404: %s', async (text) => {
    expect(await find(createTools({ text }), 'cli-1.0.0.tgz')).toMatchObject({ status: 404 });
  });

  test('is all that is carried', async () => {
    expect(await npm.carry?.({ type: 'root' }, context, createTools({ text: '' }))).toMatchObject({
      status: 404,
    });
  });
});
