import { expect, test } from 'vitest';

import type { Protocol, Resource } from '../../src/core/protocol.ts';
import { type Rule, rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { ask } from './client.ts';
import { serve } from './serving.ts';
import { startUpstream } from './upstream.ts';

interface Page extends Resource {
  readonly path: string;
}

/** Says where `/which` redirects to, and leads everything else to the number that was found there. */
const page: Protocol<Page> = {
  ...(file as unknown as Protocol<Page>),
  name: 'page',
  variables: ['number'],
  parse: ({ path }) => ({ type: 'page', path }),
  format: ({ path }) => path,
  subject: ({ path }) => path,
  rename: (resource, path) => ({ ...resource, path }),
  values: ({ path }): Readonly<Record<string, string>> => {
    const number = /\d+$/.exec(path)?.[0];
    return number === undefined ? {} : { number };
  },
  deliver: () => ({ type: 'carry' }),
  async carry({ path }, _, tools) {
    const which = { type: 'page', path: '/which' } as const;
    const found = await tools.fetch(which, {}, (url) => /\d$/.test(url));
    if (path === '/which')
      return { status: 200, headers: {}, body: `${found.status} ${new URL(found.url).pathname}` };
    const answer = await tools.fetchAt(found.url, {}, () => true);
    if (path === '/there') return { status: 200, headers: {}, body: `${answer.status} ${answer.url}` };
    const numbered: Page = { type: 'page', path: new URL(found.url).pathname };
    return { url: tools.locate(numbered), status: 302, asks: { accept: 'text/x-special' } };
  },
};

async function front(mode: 'auto' | 'proxy') {
  const upstream = await startUpstream((request, response) => {
    const { url = '', headers } = request;
    if (url === '/at/') response.writeHead(302, { location: '/once-more' }).end('<html>');
    else if (url === '/once-more') response.writeHead(301, { location: '/release/7' }).end('<html>');
    else response.end(`${url} as ${headers.accept}`);
  });
  const to = `${upstream.origin}/at/{:number}`;
  return { upstream, gateway: await serve([rule(page, { to, mode })] as unknown as readonly Rule[]) };
}

test('a protocol may stop at a redirect, to whose address nothing is sent', async () => {
  const { upstream, gateway } = await front('auto');
  expect((await ask(gateway.origin, '/which')).body).toBe('301 /release/7');
  expect(upstream.paths).toEqual(['/at/', '/once-more']);
});

test('what does not redirect is a document as ever', async () => {
  const { upstream, gateway } = await front('auto');
  expect((await ask(gateway.origin, '/there')).body).toBe(`200 ${upstream.origin}/release/7`);
});

test('another resource is located by variables of its own', async () => {
  const { upstream, gateway } = await front('auto');
  expect((await ask(gateway.origin, '/latest')).headers.location).toBe(`${upstream.origin}/at/7`);
});

test('a lead may say what the gateway sends there instead of what the client does', async () => {
  const { gateway } = await front('proxy');
  const { body } = await ask(gateway.origin, '/latest', { headers: { accept: 'text/plain' } });
  expect(body).toBe('/at/7 as text/x-special');
});
