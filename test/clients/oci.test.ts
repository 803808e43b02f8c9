import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { served } from './lab/recording-server.ts';
import { type ClientName, clientNames, type OciLab, openOciLab, pullImage } from './oci-lab.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import type { Image } from './upstreams/image.ts';
import { type Registry, type RegistryKind, registryKinds, startRegistry } from './upstreams/registry.ts';
import type { BlobDelivery } from './upstreams/registry-front.ts';

const cleanup = createCleanup();
let lab: OciLab;
beforeAll(async () => {
  lab = await openOciLab(cleanup);
});
afterAll(() => cleanup.run());

describe.each([
  ['the same name', 'acme', 'acme'],
  ['another name', 'acme-inc', 'acme-industries'],
])('the one line that leads to %s', (_, from, to) => {
  const images = new Map<string, Image>();
  let before: Registry;
  let after: Registry;
  let turnout: Turnout;

  beforeAll(async () => {
    const stores = [await lab.createStore(), await lab.createStore()] as const;
    before = await cleanup.use(startRegistry('anonymous', { store: stores[0], blobStore: lab.blobStore }));
    after = await cleanup.use(startRegistry('lenient', { store: stores[1], blobStore: lab.blobStore }));
    for (const tag of clientNames.flatMap((name) => [`${name}-1`, `${name}-2`, `${name}-3`])) {
      const image = await lab.workshop.make(`${from}-${to}-${tag}`);
      images.set(tag, image);
      await Promise.all([stores[0].push(image, `${from}/app`, tag), stores[1].push(image, `${to}/app`, tag)]);
    }
  });
  beforeEach(async () => {
    turnout = await cleanup.use(startTurnout(rules(oneLine(before, from))));
    before.forget();
    after.forget();
  });

  test('moves every client from one registry to another, without a failed pull and without a restart', async () => {
    const { pid } = turnout.process;

    await pullAll('1');
    for (const name of clientNames) expectServed(before, from, name, '1');
    expect(after.front.requests).toEqual([]);

    await turnout.edit(oneLine(before, from), oneLine(after, to));
    before.forget();

    await pullAll('2');
    for (const name of clientNames) expectServed(after, to, name, '2');
    expect(before.front.requests).toEqual([]);

    expect(turnout.process.pid).toBe(pid);
    expect(turnout.process.ended()).toBe(false);
  });

  test('may change back and forth while clients pull', async () => {
    let moving = true;
    const failures: string[] = [];
    const pulls = Object.fromEntries(clientNames.map((name) => [name, 0])) as Record<ClientName, number>;
    const pulling = clientNames.map(async (name) => {
      const reference = `${turnout.authority}/acme/app:${name}-3`;
      for (; moving; pulls[name] += 1) {
        const { ok, output } = await lab.clients[name].pull(reference);
        if (!ok) failures.push(`${name}: ${output}`);
        await lab.clients[name].remove(reference);
      }
    });
    try {
      for (let round = 0; round < 3; round += 1) {
        await everybodyPullsOnceMore(pulls);
        await turnout.edit(oneLine(before, from), oneLine(after, to));
        await everybodyPullsOnceMore(pulls);
        await turnout.edit(oneLine(after, to), oneLine(before, from));
      }
    } finally {
      moving = false;
      await Promise.all(pulling);
    }

    expect(failures).toEqual([]);
    expect(turnout.reloads()).toBe(6);
    for (const { front } of [before, after]) {
      for (const name of clientNames) {
        for (const blob of images.get(`${name}-3`)?.blobs ?? []) {
          expect(served(front.requests)).toContainEqual(expect.stringContaining(blob));
        }
      }
    }
  });

  async function pullAll(round: string): Promise<void> {
    for (const name of clientNames) {
      const tag = `${name}-${round}`;
      await pullImage(lab.clients[name], `${turnout.authority}/acme/app:${tag}`, images.get(tag) as Image);
    }
  }

  function expectServed(registry: Registry, namespace: string, name: ClientName, round: string): void {
    const paths = served(registry.front.requests);
    const { digest, blobs } = images.get(`${name}-${round}`) as Image;
    expect(paths).toContainEqual(
      expect.stringMatching(`/v2/${namespace}/app/manifests/(${name}-${round}|${digest})`),
    );
    for (const blob of blobs) expect(paths).toContain(`/v2/${namespace}/app/blobs/${blob}`);
  }
});

function rules(to: string): string {
  return `
rules:
  - name: images
    protocol: oci
    match: acme/*image
${to}
`;
}

function oneLine(registry: Registry, namespace: string): string {
  return `    to: ${registry.origin}/${namespace}/*image`;
}

/** Waits until every client has come to the end of a pull, and of one that it began after that. */
async function everybodyPullsOnceMore(pulls: Readonly<Record<ClientName, number>>): Promise<void> {
  const before = { ...pulls };
  const fewest = (): number => Math.min(...clientNames.map((name) => pulls[name] - before[name]));
  await expect.poll(fewest, { timeout: 60_000, interval: 20 }).toBeGreaterThanOrEqual(2);
}

test('the one line may lead from every kind of registry to the next', async () => {
  const registries: Registry[] = [];
  const store = await lab.createStore();
  const env: NodeJS.ProcessEnv = {};
  for (const kind of registryKinds) {
    const { blobStore } = lab;
    const registry = await cleanup.use(startRegistry(kind, { store, blobStore, delivery: 'absolute' }));
    registries.push(registry);
    env[`PASSWORD_${kind.toUpperCase()}`] = registry.credentials?.password;
  }
  const lineTo = ({ kind, origin, credentials }: Registry): string => {
    const auth = `, auth: { username: '${credentials?.username}', password: '\${PASSWORD_${kind.toUpperCase()}}' }`;
    return `    to: { url: '${origin}/${kind}/*image'${credentials ? auth : ''} }`;
  };
  const [first, ...others] = registries as [Registry, ...Registry[]];
  const turnout = await cleanup.use(startTurnout(rules(lineTo(first)), { env }));
  const { clients, workshop } = lab;

  let line = lineTo(first);
  for (const registry of [first, ...others, first]) {
    if (line !== lineTo(registry)) await turnout.edit(line, lineTo(registry));
    line = lineTo(registry);
    for (const name of clientNames) {
      const tag = `${name}-${turnout.reloads()}`;
      const image = await workshop.make(`every-kind-${tag}`);
      await store.push(image, `${registry.kind}/app`, tag);
      await pullImage(clients[name], `${turnout.authority}/acme/app:${tag}`, image);
    }
  }

  for (const registry of registries) expect(registry.foreignCredentials()).toEqual([]);
  expect(lab.blobStore.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
});

describe('a pull through the gateway', () => {
  const upstreams: readonly { readonly kind: RegistryKind; readonly delivery: BlobDelivery }[] = [
    { kind: 'anonymous', delivery: 'stream' },
    { kind: 'anonymous', delivery: 'relative' },
    { kind: 'anonymous', delivery: 'absolute' },
    { kind: 'lenient', delivery: 'absolute' },
    { kind: 'strict', delivery: 'absolute' },
    { kind: 'basic', delivery: 'absolute' },
    { kind: 'private', delivery: 'absolute' },
    { kind: 'private', delivery: 'stream' },
  ];
  const namings = ['same', 'renamed'] as const;
  const cells = upstreams.flatMap(({ kind, delivery }) =>
    namings.flatMap((naming) => clientNames.map((name) => ({ kind, delivery, naming, name }))),
  );
  type Cell = (typeof cells)[number];

  const images = new Map<string, Image>();
  const registries = new Map<string, Registry>();
  const results = new Map<string, Record<string, string>>();
  let turnout: Turnout;

  beforeAll(async () => {
    const store = await lab.createStore();
    for (const cell of cells) {
      const image = await lab.workshop.make(`${rowOf(cell)}-${cell.name}`);
      images.set(`${rowOf(cell)}-${cell.name}`, image);
      await store.push(image, upstreamName(cell), cell.name);
    }
    const env: NodeJS.ProcessEnv = {};
    for (const { kind, delivery } of upstreams) {
      const registry = await cleanup.use(startRegistry(kind, { store, blobStore: lab.blobStore, delivery }));
      registries.set(`${kind}-${delivery}`, registry);
      if (registry.credentials) env[variable({ kind, delivery })] = registry.credentials.password;
    }
    const rows = cells.filter(({ name }) => name === 'skopeo');
    turnout = await cleanup.use(startTurnout(`rules:\n${rows.map(ruleOf).join('')}`, { env }));
  });
  afterAll(() => {
    console.table(Object.fromEntries(results));
  });

  const titled = cells.map((cell) => [cell.name, `${rowOf(cell).replaceAll('-', ', ')}`, cell] as const);
  test.each(titled)('by %s from a registry that is %s', async (_, __, cell) => {
    const row = results.get(rowOf(cell)) ?? {};
    results.set(rowOf(cell), { ...row, [cell.name]: 'FAILED' });
    const image = images.get(`${rowOf(cell)}-${cell.name}`) as Image;
    const registry = registryOf(cell);
    const repository = upstreamName(cell);
    registry.forget();
    lab.blobStore.forget();
    turnout.forget();

    await pullImage(lab.clients[cell.name], `${turnout.authority}/${rowOf(cell)}/app:${cell.name}`, image);

    const paths = served(registry.front.requests);
    for (const blob of image.blobs) {
      expect(paths).toContain(`/v2/${repository}/blobs/${blob}`);
      if (cell.delivery === 'stream') continue;
      // The bytes did not pass through the gateway.
      const at = cell.delivery === 'absolute' ? lab.blobStore : registry.front;
      expect(served(at.requests)).toContainEqual(expect.stringContaining(`/${blob}?`));
      const path = `/v2/${rowOf(cell)}/app/blobs/${blob}`;
      expect(await turnout.waitForAccess((record) => record.path === path)).toMatchObject({ status: 307 });
    }
    expect(registry.foreignCredentials()).toEqual([]);
    expect(lab.blobStore.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
    expect(registry.tokens?.requests.filter(({ status }) => status !== 200) ?? []).toEqual([]);
    results.set(rowOf(cell), { ...row, [cell.name]: 'ok' });
  });

  function rowOf({ kind, delivery, naming }: Cell): string {
    return `${kind}-${delivery}-${naming}`;
  }

  function upstreamName(cell: Cell): string {
    return cell.naming === 'same' ? `${rowOf(cell)}/app` : `acme/${rowOf(cell)}`;
  }

  function registryOf({ kind, delivery }: Cell): Registry {
    return registries.get(`${kind}-${delivery}`) as Registry;
  }

  function ruleOf(cell: Cell): string {
    const { origin, credentials } = registryOf(cell);
    const auth = `\n    auth: { username: '${credentials?.username}', password: '\${${variable(cell)}}' }`;
    return `
  - name: ${rowOf(cell)}
    protocol: oci
    match: ${rowOf(cell)}/app
    to: ${origin}/${upstreamName(cell)}${credentials ? auth : ''}
`;
  }

  function variable({ kind, delivery }: Pick<Cell, 'kind' | 'delivery'>): string {
    return `PASSWORD_${kind}_${delivery}`.toUpperCase();
  }
});
