import { expect, test } from 'vitest';

import type { ClientReport, Protocol, Resource } from '../../src/core/protocol.ts';
import { type Rule, rule } from '../../src/core/rule.ts';
import { file } from '../../src/protocols/file.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask } from './client.ts';
import { serve } from './serving.ts';

interface Page extends Resource {
  readonly path: string;
}

const page: Protocol<Page> = {
  ...(file as unknown as Protocol<Page>),
  name: 'page',
  parse: ({ path }) => ({ type: 'page', path }),
  format: ({ path }) => path,
  subject: ({ path }) => path,
  options: { greeting: { type: 'text', expected: 'a greeting', description: 'What it says.' } },
  deliver: () => ({ type: 'carry' }),
  async carry({ path }, { options }, { neighbours, report }) {
    if (path === '/pixel')
      return {
        status: 200,
        headers: { 'content-type': 'image/x' },
        body: btoa('\u0000\u00ff'),
        encoding: 'base64',
      };
    report({ type: 'visit', data: { path } });
    return { status: 200, headers: {}, body: JSON.stringify({ neighbours, options }) };
  },
};

const rules = [
  rule(page, { name: 'page', options: { greeting: 'hello' } }),
  rule(oci, { name: 'images', match: ['acme/*image', 'tools/*image'], to: 'ghcr.io', notice: 'It moves.' }),
  rule(file, { name: 'elsewhere', host: 'dl.acme.dev', to: 'cdn.example' }),
] as unknown as readonly Rule[];

test('a protocol sees its options and the rules beside it, and tells what clients report', async () => {
  const reports: unknown[] = [];
  const onReport = (report: ClientReport, { rule: name }: { rule?: string | undefined }) => {
    reports.push([name, report]);
    throw new Error('ignored');
  };
  const { origin } = await serve(rules, { onReport });
  expect(JSON.parse((await ask(origin, '/here')).body)).toEqual({
    options: { greeting: 'hello' },
    neighbours: [
      {
        rule: 'page',
        protocol: 'page',
        publicUrl: origin,
        match: [],
        usage: `curl -fLO '${origin}/<name>'`,
        options: { greeting: 'hello' },
      },
      {
        rule: 'images',
        protocol: 'oci',
        publicUrl: origin,
        match: ['acme/*image', 'tools/*image'],
        notice: 'It moves.',
        usage: expect.stringContaining('acme/<image>'),
        options: {},
      },
    ],
  });
  expect(reports).toEqual([['page', { type: 'visit', data: { path: '/here' } }]]);
});

test('an answer may be bytes', async () => {
  const { origin } = await serve(rules);
  const response = await fetch(`${origin}/pixel`);
  expect(response.headers.get('content-length')).toBe('2');
  expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([0, 255]);
  const head = await fetch(`${origin}/pixel`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '2']);
});

test('a protocol reads the fields of the request', async () => {
  const fields: Protocol<Page> = {
    ...page,
    async carry(_, __, { field }) {
      const body = JSON.stringify([field('x-one'), field('set-cookie') ?? null]);
      return { status: 200, headers: {}, body };
    },
  };
  const { origin } = await serve([rule(fields, {})] as unknown as readonly Rule[]);
  const headers = { 'x-one': ['a', 'b'].join(', ') };
  expect(JSON.parse((await ask(origin, '/', { headers })).body)).toEqual(['a, b', null]);
});
