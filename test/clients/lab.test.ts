import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { startRecordingServer } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { openOciClients } from './oci-clients.ts';
import { pullImage } from './oci-lab.ts';
import type { OciClient } from './programs/oci-client.ts';
import type { Skopeo } from './programs/skopeo.ts';
import { type BlobStore, startBlobStore } from './upstreams/blob-store.ts';
import { type ImageInLayout, openImageWorkshop } from './upstreams/image.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';
import { type Registry, type RegistryKind, registryKinds, startRegistry } from './upstreams/registry.ts';

// The lab itself, without a gateway: a matrix of green pulls says something only if these registries can refuse.

const cleanup = createCleanup();
const registries = new Map<RegistryKind, Registry>();
let skopeo: Skopeo;
let clients: OciClient[];
let blobStore: BlobStore;
let store: ImageStore;
let image: ImageInLayout;

beforeAll(async () => {
  const folder = await cleanup.use(createTemporaryFolder());
  store = await cleanup.use(createImageStore(folder.path));
  blobStore = await cleanup.use(startBlobStore());
  const opened = await openOciClients(cleanup);
  skopeo = opened.skopeo;
  clients = Object.values(opened.all);
  for (const kind of registryKinds) {
    registries.set(kind, await cleanup.use(startRegistry(kind, { store, blobStore, delivery: 'absolute' })));
  }
  const workshop = await openImageWorkshop(folder.path);
  image = await workshop.make('v1');
  await store.push(image, 'acme/app', 'v1');
});
afterAll(() => cleanup.run());

function registry(kind: RegistryKind): Registry {
  const found = registries.get(kind);
  if (!found) throw new Error(`no ${kind} registry`);
  return found;
}

describe.each(['anonymous', 'lenient', 'strict'] as const)('a registry that is %s', (kind) => {
  test('serves every client that comes without credentials', async () => {
    for (const client of clients) {
      const reference = `${registry(kind).authority}/acme/app:v1`;
      await pullImage(client, reference, image);
      await client.remove(reference);
    }
    expect(registry(kind).foreignCredentials()).toEqual([]);
  });
});

describe.each(['basic', 'private'] as const)('a registry that is %s', (kind) => {
  test('serves its user and nobody else', async () => {
    const { authority, credentials } = registry(kind);
    expect(await skopeo.inspect(`${authority}/acme/app:v1`, credentials)).toMatchObject({ ok: true });
    expect(await skopeo.inspect(`${authority}/acme/app:v1`)).toMatchObject({ ok: false });
    const stranger = { username: 'lab', password: 'wrong' };
    expect(await skopeo.inspect(`${authority}/acme/app:v1`, stranger)).toMatchObject({ ok: false });
  });
});

test.each([
  ['one known scope', 200, 'scope=repository:acme/app:pull'],
  ['several scopes', 403, 'scope=repository:acme/app:pull&scope=repository:app:pull'],
  ['an unknown scope', 403, 'scope=repository:user/image:pull'],
  ['more than pull', 403, 'scope=repository:acme/app:pull,push'],
  ['no scope', 403, ''],
])('a strict token server asked for %s answers %i', async (_, status, query) => {
  const answer = await fetch(`${registry('strict').tokens?.realm}?service=lab&${query}`);
  expect(answer.status).toBe(status);
});

test('the blob store serves a signed address, and refuses it with an Authorization field', async () => {
  const address = blobStore.sign(store.folder, image.digest);
  expect((await fetch(address)).status).toBe(200);
  expect((await fetch(address, { headers: { authorization: 'Bearer x' } })).status).toBe(400);
  expect((await fetch(address, { method: 'HEAD' })).status).toBe(403);
  expect((await fetch(address.replace(/X-Signature=\w/, 'X-Signature=_'))).status).toBe(403);
});

test('a gateway that redirects everything loses the token on the way', async () => {
  const { origin } = registry('strict');
  const gateway = await cleanup.use(
    startRecordingServer('127.0.0.1', ({ url }, response) => {
      response.writeHead(307, { location: `${origin}${url}` }).end();
    }),
  );
  const pull = await skopeo.pull(`${new URL(gateway.origin).host}/acme/app:v1`);
  expect(pull.ok).toBe(false);
  expect(pull.output).toMatch(/unauthorized|authentication required/);
});
