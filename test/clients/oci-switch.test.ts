import { afterAll, beforeAll, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { served } from './lab/recording-server.ts';
import { writeTable } from './lab/text-table.ts';
import { type ClientName, clientNames, type OciLab, openOciLab } from './oci-lab.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import type { Artifact } from './upstreams/artifact.ts';
import type { ImageStore } from './upstreams/image-store.ts';
import { makeQuickImage } from './upstreams/quick-image.ts';
import { type Registry, type RegistryKind, registryKinds, startRegistry } from './upstreams/registry.ts';

const PULLS = 500;
const MILLISECONDS = 240_000;
/** Short enough that tokens expire while clients pull. */
const TOKEN_LIFETIME = 5;

/** Where the one line may lead. */
interface Target {
  readonly registry: Registry;
  /** The namespace of the images there. */
  readonly namespace: string;
  readonly line: string;
}

/** One pull, and what the rule file said meanwhile. */
interface Pulled {
  readonly client: ClientName;
  readonly image: Artifact;
  readonly failure: string | undefined;
  /** Where the line led all the time; nothing when it was changed meanwhile. */
  readonly target: Target | undefined;
}

const cleanup = createCleanup();
let lab: OciLab;
let store: ImageStore;
let registries: Record<RegistryKind, Registry>;
let targets: readonly Target[];
let turnout: Turnout;

beforeAll(async () => {
  lab = await openOciLab(cleanup);
  store = await lab.createStore();
  const options = { store, blobStore: lab.blobStore, tokenLifetime: TOKEN_LIFETIME };
  const started = registryKinds.map(async (kind) => {
    const delivery = kind === 'lenient' ? 'stream' : 'absolute';
    return [kind, await cleanup.use(startRegistry(kind, { ...options, delivery }))] as const;
  });
  registries = Object.fromEntries(await Promise.all(started)) as Record<RegistryKind, Registry>;
  targets = ['acme', 'acme-inc'].flatMap((namespace) =>
    registryKinds.map((kind) => toTarget(registries[kind], namespace)),
  );
  turnout = await cleanup.use(startTurnout(rules(targets[0] as Target), { env: passwords() }));
});
afterAll(() => cleanup.run());

test('no pull fails while the one line leads from registry to registry, and each change counts at once', async () => {
  const pulls: Pulled[] = [];
  const switches = await pullWithoutPause(pulls);

  report(pulls, switches);
  expect(pulls.flatMap(({ client, failure }) => (failure ? [`${client}: ${failure}`] : []))).toEqual([]);
  expect(pulls.length).toBeGreaterThanOrEqual(PULLS);
  expect(turnout.reloads()).toBe(switches);
  for (const pulled of pulls) expectServedByTarget(pulled);
  for (const target of targets) {
    const clients = pulls.filter((pulled) => pulled.target === target).map(({ client }) => client);
    expect([...new Set(clients)].sort()).toEqual([...clientNames].sort());
  }
  for (const kind of registryKinds) expect(registries[kind].foreignCredentials()).toEqual([]);
  expect(lab.blobStore.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
});

/** Pulls with every client, and changes the line as soon as each of them has pulled from where it leads. */
async function pullWithoutPause(pulls: Pulled[]): Promise<number> {
  const end = Date.now() + MILLISECONDS;
  const goesOn = (changes: number): boolean =>
    (pulls.length < PULLS || changes < targets.length) && Date.now() < end;
  const line = { target: targets[0] as Target, changing: false, changes: 0 };
  let pulling = true;
  const pulled = clientNames.map(async (client) => {
    while (pulling) pulls.push(await pullNew(client, line));
  });
  try {
    for (let next = 1; goesOn(next - 1); next += 1) {
      const { target } = line;
      const from = pulls.length;
      await expect
        .poll(() => namesOf(pulls.slice(from).filter((pull) => pull.target === target)), poll)
        .toEqual(namesOf(clientNames.map((client) => ({ client }))));
      line.changing = true;
      const following = targets[next % targets.length] as Target;
      await turnout.edit(target.line, following.line);
      Object.assign(line, { target: following, changing: false, changes: line.changes + 1 });
    }
  } finally {
    pulling = false;
    await Promise.all(pulled);
  }
  return line.changes;
}

const poll = { timeout: 60_000, interval: 20 };

interface Line {
  readonly target: Target;
  readonly changing: boolean;
  readonly changes: number;
}

async function pullNew(client: ClientName, line: Line): Promise<Pulled> {
  const image = makeQuickImage();
  const tag = image.digest.slice(7, 27);
  for (const namespace of ['acme', 'acme-inc']) await store.put(image, `${namespace}/app`, tag);
  const before = { ...line };
  const { ok, output, digests } = await lab.clients[client].pull(`${turnout.authority}/acme/app:${tag}`);
  const steady = !before.changing && !line.changing && before.changes === line.changes;
  const failure = ok && digests.includes(image.digest) ? undefined : output;
  return { client, image, failure, target: steady ? before.target : undefined };
}

function namesOf(pulls: readonly { readonly client: ClientName }[]): string {
  return [...new Set(pulls.map(({ client }) => client))].sort().join();
}

/** Expects that the registry to which the line led gave out the image, and no other. */
function expectServedByTarget({ client, image, target }: Pulled): void {
  if (!target) return;
  const [config = ''] = image.blobs;
  const from = registryKinds.flatMap((kind) =>
    servedBy(registries[kind])
      .filter((url) => url.endsWith(`/blobs/${config}`))
      .map((url) => `${kind} ${url}`),
  );
  const path = `/v2/${target.namespace}/app/blobs/${config}`;
  expect(new Set(from), client).toEqual(new Set([`${target.registry.kind} ${path}`]));
}

function servedBy({ front }: Registry): string[] {
  return served(front.requests);
}

function toTarget(registry: Registry, namespace: string): Target {
  const { kind, origin, credentials } = registry;
  const auth = `, auth: { username: '${credentials?.username}', password: '\${${variable(kind)}}' }`;
  const line = `    to: { url: '${origin}/${namespace}/*image'${credentials ? auth : ''} }`;
  return { registry, namespace, line };
}

function rules({ line }: Target): string {
  return `rules:\n  - name: images\n    protocol: oci\n    match: acme/*image\n${line}\n`;
}

function passwords(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    registryKinds.map((kind) => [variable(kind), registries[kind].credentials?.password]),
  );
}

function variable(kind: RegistryKind): string {
  return `PASSWORD_${kind.toUpperCase()}`;
}

function report(pulls: readonly Pulled[], switches: number): void {
  const count = (client: ClientName, steady: boolean): string =>
    String(pulls.filter((pull) => pull.client === client && (pull.target !== undefined) === steady).length);
  const row = (steady: boolean): Record<string, string> =>
    Object.fromEntries(clientNames.map((client) => [client, count(client, steady)]));
  const table = new Map([
    ['pulls between changes', row(true)],
    ['pulls during a change', row(false)],
  ]);
  console.log(`${pulls.length} pulls, ${switches} switches\n${writeTable(clientNames, table)}`);
}
