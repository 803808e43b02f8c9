import { expect } from 'vitest';

import { type RecordedRequest, served } from './lab/recording-server.ts';
import type { AccessRecord, Turnout } from './programs/turnout.ts';
import type { BlobStore } from './upstreams/blob-store.ts';
import type { Image } from './upstreams/image.ts';
import { type Registry, type RegistryKind, registryKinds } from './upstreams/registry.ts';
import type { BlobDelivery } from './upstreams/registry-front.ts';

/** What a pull through the gateway may differ in, the client aside. */
export interface Row {
  readonly kind: RegistryKind;
  readonly delivery: BlobDelivery;
  readonly naming: 'same' | 'renamed';
  readonly mode: 'auto' | 'proxy';
}

/** Where the pulls of a row can be observed. */
export interface Observers {
  readonly turnout: Turnout;
  readonly registry: Registry;
  readonly blobStore: BlobStore;
}

/** Every kind where blobs come from elsewhere, which is the rule; and the other deliveries, with and without tokens. */
const upstreams: readonly Pick<Row, 'kind' | 'delivery'>[] = [
  ...registryKinds.map((kind) => ({ kind, delivery: 'absolute' }) as const),
  { kind: 'anonymous', delivery: 'stream' },
  { kind: 'private', delivery: 'stream' },
  { kind: 'anonymous', delivery: 'relative' },
  { kind: 'strict', delivery: 'relative' },
];

/** Every row of the matrix. */
export const rows: readonly Row[] = upstreams.flatMap((upstream) =>
  (['same', 'renamed'] as const).flatMap((naming) =>
    (['auto', 'proxy'] as const).map((mode) => ({ ...upstream, naming, mode })),
  ),
);

/** The name of a row, which is also the namespace of its images. */
export function rowName({ kind, delivery, naming, mode }: Row): string {
  return `${kind}-${delivery}-${naming}-${mode}`;
}

/** The name of a row's repository at the registry. */
export function repositoryOf(row: Row): string {
  return row.naming === 'same' ? `${rowName(row)}/app` : `acme/${rowName(row)}`;
}

/** The variable in which the gateway finds a registry's password. */
export function passwordVariable({ kind, delivery }: Pick<Row, 'kind' | 'delivery'>): string {
  return `PASSWORD_${kind}_${delivery}`.toUpperCase();
}

/** The rule of a row. */
export function ruleOf(row: Row, { origin, credentials }: Registry): string {
  const auth = `\n    auth: { username: '${credentials?.username}', password: '\${${passwordVariable(row)}}' }`;
  return `
  - name: ${rowName(row)}
    protocol: oci
    match: ${rowName(row)}/app
    to: ${origin}/${repositoryOf(row)}
    mode: ${row.mode}${credentials ? auth : ''}
`;
}

/** Whether a request came from the gateway, which marks what it forwards (RFC 8586). */
function isFromGateway({ headers }: RecordedRequest): boolean {
  return headers['cdn-loop'] === 'turnout';
}

/** Expects of one pull that each byte took the way that the row says. */
export async function expectRightWay(
  row: Row,
  image: Image,
  tag: string,
  { turnout, registry, blobStore }: Observers,
): Promise<void> {
  const repository = repositoryOf(row);
  const isOfPull = ({ url }: { readonly url: string }): boolean =>
    [image.digest, ...image.blobs].some((digest) => url.includes(digest)) ||
    url.endsWith(`/manifests/${tag}`);
  const atRegistry = registry.front.requests.filter(isOfPull);
  const atBlobStore = blobStore.requests.filter(isOfPull);

  expect(served(atRegistry)).toContainEqual(
    expect.stringMatching(`^/v2/${repository}/manifests/(${tag}|${image.digest})$`),
  );
  for (const blob of image.blobs) expect(served(atRegistry)).toContain(`/v2/${repository}/blobs/${blob}`);

  const { manifests, blobs } = await accessOf(turnout, `/v2/${rowName(row)}/app`, image, tag);
  expect(manifests).toEqual(['proxy 200']);
  const leavesHere = row.mode === 'auto' && row.delivery !== 'stream';
  expect(blobs).toEqual([leavesHere ? 'proxy 307' : 'proxy 200']);

  const byClients = [...atRegistry, ...atBlobStore].filter((request) => !isFromGateway(request));
  const byGateway = atBlobStore.filter(isFromGateway);
  if (!leavesHere) return expect(byClients).toEqual([]);
  const target = row.delivery === 'absolute' ? /^\/\d+\/sha256:/ : /^\/artifacts-downloads\/sha256:/;
  for (const { url } of byClients) expect(url).toMatch(target);
  for (const blob of image.blobs)
    expect(served(byClients)).toContainEqual(expect.stringContaining(`/${blob}?`));
  expect(byGateway).toEqual([]);
}

/** The different ways in which the gateway answered for manifests, and for blobs. */
async function accessOf(
  turnout: Turnout,
  base: string,
  { digest, blobs }: Image,
  tag: string,
): Promise<{ readonly manifests: string[]; readonly blobs: string[] }> {
  const blobPaths = blobs.map((blob) => `${base}/blobs/${blob}`);
  const manifestPaths = [`${base}/manifests/${tag}`, `${base}/manifests/${digest}`];
  const waits = blobPaths.map((path) => turnout.waitForAccess((record) => record.path === path));
  await Promise.all([
    ...waits,
    turnout.waitForAccess(({ method, path }) => method === 'GET' && manifestPaths.includes(path)),
  ]);
  const ways = (paths: readonly string[]): string[] => {
    const records = turnout.access().filter(({ path }) => paths.includes(path));
    return [...new Set(records.map(({ type, status }: AccessRecord) => `${type} ${status}`))];
  };
  return { manifests: ways(manifestPaths), blobs: ways(blobPaths) };
}

/** Expects that nobody but the gateway asked for a token, and that no server got a credential that it had not issued. */
export function expectNoStrayCredentials({ registry, blobStore }: Omit<Observers, 'turnout'>): void {
  const tokenRequests = registry.tokens?.requests ?? [];
  expect(tokenRequests.filter(({ headers }) => headers['user-agent'] !== 'turnout')).toEqual([]);
  expect(tokenRequests.filter(({ status }) => status !== 200)).toEqual([]);
  expect(registry.foreignCredentials()).toEqual([]);
  expect(blobStore.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
}
