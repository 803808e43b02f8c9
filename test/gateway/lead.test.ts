import { expect, test } from 'vitest';

import type { Answer, Lead, Protocol, Resource, Tie, Tools } from '../../src/core/protocol.ts';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { ask } from './client.ts';
import { serve } from './serving.ts';
import { startUpstream } from './upstream.ts';

interface Page extends Resource {
  readonly type: 'page';
  readonly path: string;
}

/** A protocol that makes its answers so. */
function carrying(carry: (page: Page, tools: Tools) => Promise<Answer | Lead>, tie?: Tie): Protocol<Page> {
  return {
    name: 'pages',
    subjects: 'path',
    parse: ({ path }) => ({ type: 'page', path }),
    format: ({ path }) => path,
    subject: ({ path }) => path,
    deliver: () => ({ type: 'carry' }),
    refuse: file.refuse,
    usage: file.usage,
    tie: () => tie,
    carry: (page, _, tools) => carry(page, tools),
  };
}

test.each<[config: RuleConfig, delivery: Lead['delivery'], status: number]>([
  [{}, undefined, 302],
  [{}, 'stream', 200],
  [{ mode: 'proxy' }, undefined, 200],
])(
  'what a lead says of a file stands for what its upstream says, in %j, delivered by %j',
  async (config, delivery, status) => {
    const upstream = await startUpstream((request, response) => {
      response.writeHead(request.url === '/gone' ? 404 : 200, { link: '<theirs>' }).end();
    });
    const headers = { link: '<ours>', 'content-encoding': 'xz' };
    const protocol = carrying(async (page, tools) => ({
      url: tools.locate(page),
      status: 302,
      ...(delivery && { delivery }),
      headers,
    }));
    const gateway = await serve([rule(protocol, { to: upstream.origin, notice: 'moved', ...config })]);
    expect(await ask(gateway.origin, '/x')).toMatchObject({
      status,
      headers: { ...headers, warning: '299 - "moved"' },
    });
    if (status === 302) return;
    // It is not true of an error.
    const { headers: fields } = await ask(gateway.origin, '/gone');
    expect(fields.link).toBe('<theirs>');
    expect(fields['content-encoding']).toBeUndefined();
  },
);

test.each<[tie: Tie | undefined, status: number, asked: number]>([
  [{ type: 'content' }, 404, 2],
  [{ type: 'content' }, 410, 2],
  [{ type: 'content' }, 403, 1],
  [undefined, 404, 1],
])('of what is tied as %j, an answer of %i is made for %i upstreams', async (tie, status, asked) => {
  const upstreams: string[] = [];
  const protocol = carrying(async (page, tools) => {
    upstreams.push(tools.locate(page));
    return file.refuse({ status, message: 'No.' });
  }, tie);
  const gateway = await serve([rule(protocol, { to: ['https://a.example', 'https://b.example'] })]);
  expect(await ask(gateway.origin, '/x')).toMatchObject({ status });
  expect(upstreams).toEqual(['https://a.example/x', 'https://b.example/x'].slice(0, asked));
});

test('what a lead asks with stands for what the client asks with', async () => {
  const upstream = await startUpstream((_, response) => void response.end());
  const protocol = carrying(async (page, tools) => ({
    url: tools.locate(page),
    status: 302,
    delivery: 'stream',
    ...(page.path === '/x' && { asks: { 'accept-encoding': 'identity' } }),
  }));
  const gateway = await serve([rule(protocol, { to: upstream.origin })]);
  for (const path of ['/x', '/y'])
    await ask(gateway.origin, path, { headers: { 'accept-encoding': 'gzip' } });
  expect(upstream.requests.map(({ headers }) => headers['accept-encoding'])).toEqual(['identity', 'gzip']);
});
