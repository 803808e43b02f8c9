import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { run, runChecked } from './lab/command.ts';
import { served } from './lab/recording-server.ts';
import { clientNames, type OciLab, openOciLab, pullImage } from './oci-lab.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import type { Image } from './upstreams/image.ts';
import type { ImageStore } from './upstreams/image-store.ts';
import { makeQuickImage } from './upstreams/quick-image.ts';
import { type Registry, startRegistry } from './upstreams/registry.ts';

const TOKEN_LIFETIME = 2;

const cleanup = createCleanup();
let lab: OciLab;
let store: ImageStore;
let registry: Registry;
let turnout: Turnout;

beforeAll(async () => {
  lab = await openOciLab(cleanup);
  store = await lab.createStore();
  const { blobStore } = lab;
  registry = await cleanup.use(
    startRegistry('strict', {
      store,
      blobStore,
      delivery: 'absolute',
      tokenLifetime: TOKEN_LIFETIME,
      tagsPerPage: 2,
    }),
  );
  const anonymous = await cleanup.use(startRegistry('anonymous', { store, blobStore }));
  turnout = await cleanup.use(
    startTurnout(`
rules:
  - name: images
    protocol: oci
    match: acme/*image
    to: ${registry.origin}/acme-inc/*image

  - name: locked-down
    protocol: oci
    match: inside/*image
    to: ${registry.origin}/acme-inc/*image
    mode: proxy

  - name: open
    protocol: oci
    match: open/*image
    to: ${anonymous.origin}/acme-inc/*image
    mode: redirect
`),
  );
});
afterAll(() => cleanup.run());

/** Makes an image and pushes it to the registry behind. */
async function publish(tag: string): Promise<Image> {
  return store.put(makeQuickImage({ layers: 2 }), 'acme-inc/app', tag);
}

test.each(clientNames)('%s pulls an image of several platforms', async (name) => {
  const tag = `platforms-${name}`;
  const image = await lab.workshop.makeMultiPlatform(tag);
  await store.push(image, 'acme-inc/app', tag);

  await pullImage(lab.clients[name], `${turnout.authority}/acme/app:${tag}`, image);

  for (const blob of image.blobs) {
    expect(served(registry.front.requests)).toContain(`/v2/acme-inc/app/blobs/${blob}`);
  }
});

test.each(clientNames)('%s pulls by digest', async (name) => {
  const image = await publish(`digest-${name}`);
  await pullImage(lab.clients[name], `${turnout.authority}/acme/app@${image.digest}`, image);
});

test.each(clientNames)('%s gets every byte from the gateway where the rule says so', async (name) => {
  const image = await publish(`inside-${name}`);
  turnout.forget();

  await pullImage(lab.clients[name], `${turnout.authority}/inside/app:inside-${name}`, image);

  for (const blob of image.blobs) {
    const path = `/v2/inside/app/blobs/${blob}`;
    expect(await turnout.waitForAccess((record) => record.path === path)).toMatchObject({ status: 200 });
  }
  expect(turnout.access().filter(({ type }) => type === 'redirect')).toEqual([]);
});

test.each(clientNames)('%s is sent to an open registry where the rule says so', async (name) => {
  const image = await publish(`open-${name}`);
  turnout.forget();

  await pullImage(lab.clients[name], `${turnout.authority}/open/app:open-${name}`, image);

  for (const blob of image.blobs) {
    const path = `/v2/open/app/blobs/${blob}`;
    expect(await turnout.waitForAccess((record) => record.path === path)).toMatchObject({ status: 307 });
  }
});

test.each(clientNames)('%s is told that an image does not exist', async (name) => {
  const missing = await lab.clients[name].pull(`${turnout.authority}/acme/app:missing`);
  expect(missing.ok).toBe(false);
  expect(missing.output).toMatch(/unknown|not found/i);

  const unknown = await lab.clients[name].pull(`${turnout.authority}/nobody/app:v1`);
  expect(unknown.ok).toBe(false);
  expect(unknown.output).toMatch(/unknown|not found/i);
});

test('a token is asked for anew when it has expired', async () => {
  const before = await publish('before-expiry');
  const after = await publish('after-expiry');
  await pullImage(lab.skopeo, `${turnout.authority}/acme/app:before-expiry`, before);

  await delay(TOKEN_LIFETIME * 1000 + 100);

  await pullImage(lab.skopeo, `${turnout.authority}/acme/app:after-expiry`, after);
});

test('docker runs what it pulled', async () => {
  const program = join(lab.folder, 'hello');
  await writeFile(
    `${program}.c`,
    '#include <stdio.h>\nint main(void) { puts("hello through the gateway"); }\n',
  );
  await runChecked('gcc', ['-static', '-o', program, `${program}.c`]);
  await store.push(await lab.workshop.make('hello', { program }), 'acme-inc/app', 'hello');

  const { ok, output } = await lab.docker.runImage(`${turnout.authority}/acme/app:hello`);

  expect(ok, output).toBe(true);
  expect(output).toContain('hello through the gateway');
});

test('skopeo inspects and lists under the public name', async () => {
  const image = await publish('listed');

  const inspected = await lab.skopeo.inspect(`${turnout.authority}/acme/app:listed`);
  expect(inspected.ok, inspected.output).toBe(true);
  expect(JSON.parse(inspected.stdout)).toMatchObject({
    Name: `${turnout.authority}/acme/app`,
    Digest: image.digest,
    RepoTags: expect.arrayContaining(['listed']),
  });

  const listed = await lab.skopeo.listTags(`${turnout.authority}/acme/app`);
  expect(listed.ok, listed.output).toBe(true);
  expect(JSON.parse(listed.stdout)).toMatchObject({ Tags: expect.arrayContaining(['listed']) });
});

test('a list of tags goes on page by page under the public name', async () => {
  for (const tag of ['page-1', 'page-2', 'page-3']) await publish(tag);
  const tags: string[] = [];
  let address: string | undefined = `${turnout.origin}/v2/acme/app/tags/list`;
  while (address !== undefined) {
    const answer: Response = await fetch(address);
    const page = (await answer.json()) as { readonly name: string; readonly tags: readonly string[] };
    expect(page.name).toBe('acme/app');
    expect(page.tags.length).toBeLessThanOrEqual(2);
    tags.push(...page.tags);
    const next: string | undefined = /^<([^>]+)>; *rel="?next"?$/.exec(answer.headers.get('link') ?? '')?.[1];
    address = next === undefined ? undefined : new URL(next, address).href;
    if (address !== undefined) expect(address).toContain(`${turnout.origin}/v2/acme/app/tags/list?`);
  }
  expect(tags).toEqual(expect.arrayContaining(['page-1', 'page-2', 'page-3']));
});

test('nobody pushes through the gateway', async () => {
  const image = await lab.workshop.make('pushed');
  registry.forget();
  const target = `docker://${turnout.authority}/acme/app:pushed`;
  const pushed = await run('skopeo', ['copy', '--dest-tls-verify=false', `oci:${image.layout}`, target]);
  expect(pushed.ok).toBe(false);
  expect(registry.front.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
});

test('a credential of the client goes no further than the gateway', async () => {
  await publish('mine');
  registry.forget();
  lab.blobStore.forget();
  for (const authorization of ['Bearer mine', `Basic ${Buffer.from('me:mine').toString('base64')}`]) {
    await fetch(`${turnout.origin}/v2/acme/app/manifests/mine`, { headers: { authorization } });
  }
  expect(registry.foreignCredentials()).toEqual([]);
  expect(lab.blobStore.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
});
