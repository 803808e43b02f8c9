import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { ask } from './lab/http-client.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type BlobStore, startBlobStore } from './upstreams/blob-store.ts';
import { acceptManifests } from './upstreams/descriptor.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';
import { makeQuickImage } from './upstreams/quick-image.ts';
import { type Registry, registryKinds, startRegistry } from './upstreams/registry.ts';
import type { BlobDelivery } from './upstreams/registry-front.ts';

const headers = acceptManifests;
const LAYER = 8 * 1024 * 1024;

const cleanup = createCleanup();
let store: ImageStore;
let blobStore: BlobStore;

beforeAll(async () => {
  const folder = await cleanup.use(createTemporaryFolder());
  store = await cleanup.use(createImageStore(folder.path));
  blobStore = await cleanup.use(startBlobStore());
});
afterAll(() => cleanup.run());

/** Starts a gateway whose names are the registry's; below `inside/`, it gives out every byte itself. */
async function startGateway({ origin, credentials }: Registry): Promise<Turnout> {
  const auth = credentials ? `, auth: { username: '${credentials.username}', password: '\${PASSWORD}' }` : '';
  const to = (name: string): string => `{ url: '${origin}/${name}'${auth} }`;
  const rules = `rules:
  - { protocol: oci, match: acme/*image, to: ${to('acme/*image')} }
  - { protocol: oci, match: inside/*image, to: ${to('acme/*image')}, mode: proxy }
`;
  return cleanup.use(startTurnout(rules, { env: { PASSWORD: credentials?.password } }));
}

describe.each(registryKinds)('a registry that is %s', (kind) => {
  let registry: Registry;
  let turnout: Turnout;

  beforeAll(async () => {
    registry = await cleanup.use(startRegistry(kind, { store, blobStore, delivery: 'absolute' }));
    turnout = await startGateway(registry);
  });

  test('is asked once for a manifest and once for the address of a blob', async () => {
    const { digest, blobs } = await store.put(makeQuickImage({ layers: 2 }), 'acme/warm', 'v1');
    await ask(turnout.origin, '/v2/acme/warm/manifests/v1', { headers });
    registry.forget();
    blobStore.forget();

    await ask(turnout.origin, '/v2/acme/warm/manifests/v1', { method: 'HEAD', headers });
    await ask(turnout.origin, `/v2/acme/warm/manifests/${digest}`, { headers });
    for (const blob of blobs) {
      const address = await ask(turnout.origin, `/v2/acme/warm/blobs/${blob}`, { follow: 0 });
      expect(address).toMatchObject({ status: 307, body: Buffer.alloc(0) });
    }

    const asked = registry.front.requests.map(({ method, url, status }) => `${method} ${url} ${status}`);
    expect(asked).toEqual([
      'HEAD /v2/acme/warm/manifests/v1 200',
      `GET /v2/acme/warm/manifests/${digest} 200`,
      ...blobs.map((blob) => `GET /v2/acme/warm/blobs/${blob} 307`),
    ]);
    expect(registry.tokens?.requests ?? []).toEqual([]);
    expect(blobStore.requests).toEqual([]);
  });

  test('gives one token to fifty first requests', async () => {
    const { digest, blobs } = await store.put(makeQuickImage({ layers: 2 }), 'acme/cold', 'v1');
    const paths = [`manifests/${digest}`, 'manifests/v1', ...blobs.map((blob) => `blobs/${blob}`)];
    registry.forget();

    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        ask(turnout.origin, `/v2/acme/cold/${paths[index % paths.length]}`, { headers }),
      ),
    );

    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(registry.tokens?.requests.length ?? 1).toBe(1);
  });

  test('gives one token for each repository', async () => {
    const names = ['acme/first', 'acme/second', 'acme/third'];
    for (const name of names) await store.put(makeQuickImage(), name, 'v1');
    registry.forget();

    await Promise.all(
      [...names, ...names].map((name) => ask(turnout.origin, `/v2/${name}/manifests/v1`, { headers })),
    );

    expect(registry.tokens?.requests.length ?? names.length).toBe(names.length);
  });
});

interface Way {
  readonly title: string;
  readonly delivery: BlobDelivery;
  readonly name: string;
  readonly through: boolean;
}

const ways: readonly Way[] = [
  { title: 'stays away for a signed address', delivery: 'absolute', name: 'acme/large', through: false },
  { title: 'stays away for a path', delivery: 'relative', name: 'acme/large', through: false },
  { title: 'passes for a registry that streams', delivery: 'stream', name: 'acme/large', through: true },
  { title: 'passes for `mode: proxy`', delivery: 'absolute', name: 'inside/large', through: true },
];

test.each(ways)('every byte of a blob $title', async ({ delivery, name, through }) => {
  const registry = await cleanup.use(startRegistry('strict', { store, blobStore, delivery }));
  const turnout = await startGateway(registry);
  const { blobs } = await store.put(makeQuickImage({ size: LAYER }), 'acme/large', 'v1');
  const before = await movedBytes(turnout);

  const { status, body } = await ask(turnout.origin, `/v2/${name}/blobs/${blobs[1]}`);

  expect(status).toBe(200);
  expect(body.length).toBeGreaterThan(LAYER);
  const moved = (await movedBytes(turnout)) - before;
  // Once in, and once out.
  if (through) expect(moved).toBeGreaterThan(2 * LAYER);
  else expect(moved).toBeLessThan(LAYER / 8);
});

/** How many bytes the gateway's process has read and written, on sockets too. */
async function movedBytes({ process: { pid } }: Turnout): Promise<number> {
  const text = await readFile(`/proc/${pid}/io`, 'utf8');
  return ['rchar', 'wchar'].reduce(
    (sum, name) => sum + Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1]),
    0,
  );
}
