import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { ask, type HttpAnswer } from './lab/http-client.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { type OciRequest, requests } from './oci-requests.ts';
import { fill, makeStock, type Stock } from './oci-stock.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type BlobStore, startBlobStore } from './upstreams/blob-store.ts';
import { digestOf } from './upstreams/descriptor.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';
import { type Registry, startRegistry } from './upstreams/registry.ts';

// What a registry answers, and what comes of it through the gateway.

const cleanup = createCleanup();
const stock: Stock = makeStock();
let store: ImageStore;
let blobStore: BlobStore;

beforeAll(async () => {
  const folder = await cleanup.use(createTemporaryFolder());
  store = await cleanup.use(createImageStore(folder.path));
  blobStore = await cleanup.use(startBlobStore());
  for (const mode of modes) await fill(store, `${mode}/app`, stock);
});
afterAll(() => cleanup.run());

const modes = ['auto', 'proxy'] as const;
const gateways = modes.flatMap((mode) => [
  { title: `the same name, ${mode}`, mode, upstreamName: `${mode}/app`, publicName: `${mode}/app` },
  { title: `another name, ${mode}`, mode, upstreamName: `${mode}/app`, publicName: `public/${mode}/app` },
]);
type Gateway = (typeof gateways)[number];

const lists = gateways.flatMap(({ upstreamName, publicName }) => [
  { title: 'tags', publicName, upstreamName, path: (name: string) => `/v2/${name}/tags/list` },
  {
    title: 'referrers',
    publicName,
    upstreamName,
    path: (name: string) => `/v2/${name}/referrers/${stock.image.digest}`,
  },
]);

describe.each([
  { kind: 'anonymous', delivery: 'stream' },
  { kind: 'anonymous', delivery: 'absolute' },
  { kind: 'strict', delivery: 'relative' },
  { kind: 'private', delivery: 'absolute' },
] as const)('a registry that is $kind, blobs $delivery', ({ kind, delivery }) => {
  /** The registry as it is without a gateway and without credentials. */
  let direct: Registry;
  let registry: Registry;
  let turnout: Turnout;

  beforeAll(async () => {
    const options = { store, blobStore, delivery, tagsPerPage: 3, referrersPerPage: 2 };
    direct = await cleanup.use(startRegistry('anonymous', options));
    registry = await cleanup.use(startRegistry(kind, options));
    const env = { PASSWORD: registry.credentials?.password };
    turnout = await cleanup.use(startTurnout(rulesFor(registry), { env }));
  });

  describe.each(gateways)('$title', (gateway) => {
    describe.each(Object.entries(requests))('%s', (_, cases) => {
      for (const request of cases) {
        const check = request.fails?.({ delivery, mode: gateway.mode }) ? test.fails : test;
        check(request.title, () => expectSame(request, gateway));
      }
    });
  });

  test.each(lists)(
    '$title go on page by page under $publicName',
    async ({ path, publicName, upstreamName }) => {
      const expected = await readPages(direct.origin, path(upstreamName));
      expect(expected.length).toBeGreaterThan(2);

      const pages = await readPages(turnout.origin, path(publicName));

      expect(pages.map(({ body }) => nameless(body))).toEqual(expected.map(({ body }) => nameless(body)));
      for (const { link = '' } of pages.slice(0, -1)) expect(link.split('?')[0]).toBe(`<${path(publicName)}`);
    },
  );

  async function expectSame(request: OciRequest, { upstreamName, publicName }: Gateway): Promise<void> {
    const { method = 'GET', path, headers } = request;
    const publicPath = path(publicName, stock);
    const upstreamPath = path(upstreamName, stock);
    const known = headers ? await ask(direct.origin, upstreamPath, { headers: headers('""') }) : undefined;
    const fields = headers?.(known?.headers.etag ?? '""') ?? {};

    const answer = await ask(turnout.origin, publicPath, { method, headers: fields });

    const own = request.hidden && kind !== 'anonymous' ? unauthorized : request.own;
    if (own) {
      expect(answer).toMatchObject(own);
    } else {
      // An address that is signed for GET refuses HEAD; then the gateway resolves what the registry does not.
      const asked = delivery === 'absolute' && request.signed ? 'GET' : method;
      const expected = await ask(direct.origin, upstreamPath, { method: asked, headers: fields });
      expect(toPublic(answer, request, method)).toMatchObject(
        toPublic(expected, request, method, [upstreamName, publicName]),
      );
    }
    // What a client gets elsewhere is not the gateway's to answer for.
    if (answer.status >= 400 && answer.redirects.length === 0) expectOciError(answer, method);
  }
});

const unauthorized = { status: 401 };

/** The fields that clients read. */
const read = [
  ...['content-type', 'content-length', 'content-range', 'etag', 'accept-ranges', 'link'],
  ...['docker-content-digest', 'docker-distribution-api-version', 'oci-filters-applied'],
] as const;

/** What counts of an answer; with a renaming, as the gateway should give it. */
function toPublic(
  { status, headers, body }: HttpAnswer,
  { rewritten = false }: OciRequest,
  method: string,
  [from, to]: readonly [from: string, to: string] = ['', ''],
): object {
  if (status >= 400) {
    const code = codeOf(body);
    return { status, 'content-range': headers['content-range'], ...(code !== undefined && { code }) };
  }
  const fields = Object.fromEntries(read.map((name) => [name, headers[name]]));
  const link = String(fields.link)
    .replace(/<https?:\/\/[^/]+/, '<')
    .replace(`/v2/${from}/`, `/v2/${to}/`);
  const text = rewritten ? body.toString().replace(`"name":"${from}"`, `"name":"${to}"`) : digestOf(body);
  const bytes = rewritten ? { 'content-length': undefined } : {};
  return { status, ...fields, ...bytes, link, body: method === 'HEAD' ? '' : text };
}

/** The code of an error; of one that is none of the specification's, nothing. */
function codeOf(body: Buffer): string | undefined {
  try {
    return (JSON.parse(body.toString()) as { readonly errors?: { readonly code: string }[] }).errors?.[0]
      ?.code;
  } catch {
    return undefined;
  }
}

interface Page {
  readonly body: string;
  readonly link: string | undefined;
}

async function readPages(origin: string, path: string): Promise<Page[]> {
  const { status, headers, body } = await ask(origin, path);
  expect(status).toBe(200);
  const link = headers.link as string | undefined;
  const next = /^<([^>]+)>; *rel="?next"?$/.exec(link ?? '')?.[1];
  const page = { body: body.toString(), link };
  if (next === undefined) return [page];
  const { pathname, search } = new URL(next, origin);
  return [page, ...(await readPages(origin, pathname + search))];
}

function nameless(body: string): string {
  return body.replace(/"name":"[^"]*"/, '');
}

function expectOciError({ headers, body }: HttpAnswer, method: string): void {
  expect(headers['content-type']).toMatch(/^application\/json(;|$)/);
  if (method === 'HEAD') return;
  expect(JSON.parse(body.toString())).toMatchObject({
    errors: [{ code: expect.stringMatching(/^[A-Z_]+$/), message: expect.any(String) }],
  });
}

function rulesFor({ origin, credentials }: Registry): string {
  const auth = credentials ? `, auth: { username: '${credentials.username}', password: '\${PASSWORD}' }` : '';
  const rule = (from: string, mode: string): string => `
  - protocol: oci
    match: ${from}/*image
    to: { url: '${origin}/${mode}/*image'${auth} }
    mode: ${mode}
`;
  return `rules:\n${modes.flatMap((mode) => [rule(mode, mode), rule(`public/${mode}`, mode)]).join('')}`;
}
