import { afterAll, beforeAll, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { clientNames, type OciLab, openOciLab, pullImage } from './oci-lab.ts';
import type { ImageInLayout } from './upstreams/image.ts';
import { type Registry, startRegistry } from './upstreams/registry.ts';

// The clients themselves, without a gateway: they have to be what their names say, and able to tell who they are.

const cleanup = createCleanup();
const userAgents: Record<string, string | undefined> = {};
let lab: OciLab;
let image: ImageInLayout;
let open: Registry;
let closed: readonly Registry[];

beforeAll(async () => {
  lab = await openOciLab(cleanup);
  const { blobStore } = lab;
  const store = await lab.createStore();
  image = await lab.workshop.make('v1');
  await store.push(image, 'acme/app', 'v1');
  open = await cleanup.use(startRegistry('anonymous', { store, blobStore }));
  closed = [
    await cleanup.use(startRegistry('basic', { store, blobStore })),
    // oras 1.3 asks for a token on loopback only at the address of the registry itself.
    await cleanup.use(startRegistry('private', { store, blobStore, tokenAddress: '127.0.0.2' })),
  ];
});
afterAll(async () => {
  console.table(userAgents);
  await cleanup.run();
});

test.each(clientNames)('%s pulls, and pulls again what it has removed', async (name) => {
  const reference = `${open.authority}/acme/app:v1`;
  for (let round = 0; round < 2; round += 1) {
    open.forget();
    await pullImage(lab.clients[name], reference, image);
    await lab.clients[name].remove(reference);
    const paths = open.front.requests.map(({ url }) => url);
    for (const blob of image.blobs) expect(paths).toContain(`/v2/acme/app/blobs/${blob}`);
  }
  userAgents[name] = open.front.requests.at(-1)?.headers['user-agent'];
});

test.each(clientNames)('%s pulls what is private as a user, and not as nobody or another', async (name) => {
  const client = lab.clients[name];
  for (const { kind, authority, credentials } of closed) {
    const reference = `${authority}/acme/app:v1`;
    const user = { authority, username: '', password: '', ...credentials };

    expect(await client.pull(reference), kind).toMatchObject({ ok: false });
    expect(await client.pull(reference, { ...user, password: 'wrong' }), kind).toMatchObject({ ok: false });
    const { ok, output, digests } = await client.pull(reference, user);
    expect(ok, `${kind}: ${output}`).toBe(true);
    expect(digests).toContain(image.digest);
    await client.remove(reference);
  }
});
