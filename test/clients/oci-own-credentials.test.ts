import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { writeTable } from './lab/text-table.ts';
import { type ClientName, clientNames, type OciLab, openOciLab } from './oci-lab.ts';
import type { RegistryUser } from './programs/oci-client.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import type { Artifact } from './upstreams/artifact.ts';
import type { ImageStore } from './upstreams/image-store.ts';
import { makeQuickImage } from './upstreams/quick-image.ts';
import { type Registry, type RegistryKind, registryKinds, startRegistry } from './upstreams/registry.ts';

// Clients that show a credential of their own, which the gateway hands to the registry of the rule and nobody else.

const cleanup = createCleanup();
let lab: OciLab;
let store: ImageStore;
let registries: Record<RegistryKind, Registry>;
let turnout: Turnout;

beforeAll(async () => {
  lab = await openOciLab(cleanup);
  store = await lab.createStore();
  const options = { store, blobStore: lab.blobStore, delivery: 'absolute' } as const;
  const started = registryKinds.map(
    async (kind) => [kind, await cleanup.use(startRegistry(kind, options))] as const,
  );
  registries = Object.fromEntries(await Promise.all(started)) as Record<RegistryKind, Registry>;
  turnout = await cleanup.use(startTurnout(rules()));
});
beforeEach(() => {
  for (const kind of registryKinds) registries[kind].forget();
  lab.blobStore.forget();
});
afterAll(() => cleanup.run());

/** A rule with the client's credential for each kind, under the same name and another, and one with the gateway's. */
function rules(): string {
  const own = registryKinds.flatMap((kind) => [
    rule(`${kind}/*image`, `${registries[kind].origin}/${kind}/*image`, 'client'),
    rule(`new-${kind}/*image`, `${registries[kind].origin}/${kind}/*image`, 'client'),
  ]);
  return `rules:\n${own.join('')}${rule('open/*image', `${registries.strict.origin}/strict/*image`)}`;
}

function rule(match: string, to: string, auth?: string): string {
  return `  - protocol: oci\n    match: ${match}\n    to: ${to}\n${auth ? `    auth: ${auth}\n` : ''}`;
}

async function publish(...kinds: readonly RegistryKind[]): Promise<{ image: Artifact; tag: string }> {
  const image = makeQuickImage();
  const tag = image.digest.slice(7, 27);
  for (const kind of kinds) await store.put(image, `${kind}/app`, tag);
  return { image, tag };
}

function userOf(kind: RegistryKind): RegistryUser | undefined {
  const { credentials } = registries[kind];
  return credentials && { authority: turnout.authority, ...credentials };
}

/** Expects that nobody saw a credential that was not issued for it, or shown by the client for it. */
function expectNoForeignCredentials(): void {
  for (const kind of registryKinds) expect(registries[kind].foreignCredentials(), kind).toEqual([]);
  expect(lab.blobStore.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
}

describe('a private image, or a public one on a host with private ones', () => {
  const rows = registryKinds.flatMap((kind) => [kind, `new-${kind}`].map((name) => ({ kind, name })));
  const results = new Map<string, Record<string, string>>();
  afterAll(() => console.log(`\nauth: client\n${writeTable(clientNames, results)}`));

  test.each(rows.flatMap((row) => clientNames.map((client) => ({ ...row, client }))))(
    '$name is pulled by $client',
    async ({ kind, name, client }) => {
      const row = results.get(name) ?? {};
      results.set(name, { ...row, [client]: 'FAILED' });
      const { image, tag } = await publish(kind);
      const reference = `${turnout.authority}/${name}/app:${tag}`;

      const { ok, output, digests } = await lab.clients[client].pull(reference, userOf(kind));

      expect(ok, output).toBe(true);
      expect(digests).toContain(image.digest);
      expectNoForeignCredentials();
      results.set(name, { ...row, [client]: 'ok' });
    },
  );

  test.each(clientNames)('is not pulled by %s as somebody else', async (client) => {
    const { tag } = await publish('basic', 'private');
    const wrong = { authority: turnout.authority, username: 'lab', password: 'wrong' };
    for (const kind of ['basic', 'private']) {
      const reference = `${turnout.authority}/${kind}/app:${tag}`;
      expect(await lab.clients[client].pull(reference), kind).toMatchObject({ ok: false });
      expect(await lab.clients[client].pull(reference, wrong), kind).toMatchObject({ ok: false });
    }
  });

  test.each(clientNames)(
    'is pulled by %s without a login where the gateway has the credential',
    async (client) => {
      const { image, tag } = await publish('strict');
      const pulled = await lab.clients[client].pull(`${turnout.authority}/open/app:${tag}`);
      expect(pulled.ok, pulled.output).toBe(true);
      expect(pulled.digests).toContain(image.digest);
      expectNoForeignCredentials();
    },
  );
});

describe.each(['basic', 'private'] as const)(
  'a login to a host with one registry, of the kind %s',
  (kind) => {
    let single: Turnout;
    beforeAll(async () => {
      single = await cleanup.use(
        startTurnout(`rules:\n${rule('acme/*image', `${registries[kind].origin}/${kind}/*image`, 'client')}`),
      );
    });

    // `ctr` has no login.
    test.each(clientNames.filter((name) => !name.endsWith('ctr')))(
      'is taken from %s, if it is right',
      async (name) => {
        const user = { ...(userOf(kind) as RegistryUser), authority: single.authority };
        const right = await lab.clients[name].login?.(user);
        expect(right?.ok, right?.output).toBe(true);
        const wrong = await lab.clients[name].login?.({ ...user, password: 'wrong' });
        expect(wrong?.ok, wrong?.output).toBe(false);
      },
    );
  },
);

test('a private image is still pulled, by all clients at once, while the one line leads elsewhere and back', async () => {
  const { username, password } = registries.private.credentials ?? { username: '', password: '' };
  const twin = await cleanup.use(
    startRegistry('private', { store, blobStore: lab.blobStore, credentials: { username, password } }),
  );
  const [here, there] = [registries.private, twin].map(
    ({ origin }, at) => `    to: ${origin}/${at === 0 ? 'private' : 'moved'}/*image`,
  ) as [string, string];
  const moving = await cleanup.use(
    startTurnout(`rules:\n  - protocol: oci\n    match: acme/*image\n${here}\n    auth: client\n`),
  );
  const user = { authority: moving.authority, username, password };
  const failures: string[] = [];
  const pulls: Partial<Record<ClientName, number>> = {};
  let pulling = true;
  const pulled = clientNames.map(async (client) => {
    while (pulling) {
      const image = makeQuickImage();
      const tag = image.digest.slice(7, 27);
      for (const name of ['private', 'moved']) await store.put(image, `${name}/app`, tag);
      const { ok, output, digests } = await lab.clients[client].pull(
        `${moving.authority}/acme/app:${tag}`,
        user,
      );
      if (!ok || !digests.includes(image.digest)) failures.push(`${client}: ${output}`);
      pulls[client] = (pulls[client] ?? 0) + 1;
    }
  });
  const fewest = () => Math.min(...clientNames.map((client) => pulls[client] ?? 0));
  try {
    for (let round = 1; round <= 6; round += 1) {
      await expect.poll(fewest, { timeout: 60_000, interval: 20 }).toBeGreaterThanOrEqual(round);
      await (round % 2 === 1 ? moving.edit(here, there) : moving.edit(there, here));
    }
  } finally {
    pulling = false;
    await Promise.all(pulled);
  }
  expect(failures).toEqual([]);
  for (const { front } of [registries.private, twin]) expect(front.requests.length).toBeGreaterThan(0);
  expectNoForeignCredentials();
  expect(twin.foreignCredentials()).toEqual([]);
});
