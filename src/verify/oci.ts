import type { Reply, Side } from './ask.ts';
import { compareFile, findExistence } from './existence.ts';
import { Doubt, differs, type Finding, missing, unchecked } from './finding.ts';
import { type Check, eachName, type Inventory, type Task, withDoubts } from './inventory.ts';
import { isAbsent, isRecord, parseJson, readBytes, readText, sha256 } from './read.ts';

/** What clients of every kind say that they read. */
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  '*/*;q=0.5',
].join(', ');
const HEADERS = { accept: ACCEPT };

/** Distribution specification, "Pushing Manifests": registries need not take larger ones. */
const MOST_MANIFEST = 32 * 1_048_576;

/** Container images and other artifacts: every tag by its digest, and all that hangs on it. */
export const oci: Inventory = {
  name: 'oci',
  names: 'the names of images, `acme/app`',

  nameOf: (path) => /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\/[^/]+$/.exec(path)?.[1],

  list: (task) => eachName(task, 'tags', listTags),
};

async function* listTags(task: Task, name: string): AsyncGenerator<Check, void, undefined> {
  let tags = 0;
  for await (const page of readPages(task.a, `/v2/${name}/tags/list?n=1000`)) {
    for (const tag of texts(page.tags)) {
      tags++;
      yield checkTag(task, name, tag);
    }
  }
  if (tags === 0) throw new Doubt('A lists no tags of it');
}

/** Reads the pages of a list; distribution specification, "Listing Tags": the next one is in `Link`. */
async function* readPages(
  side: Side,
  first: string,
): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
  const passed = new Set<string>();
  for (let path: string | undefined = first; path !== undefined && !passed.has(path); ) {
    passed.add(path);
    const reply: Reply = await side.ask(path);
    if (reply.status !== 200) {
      reply.leave();
      throw new Doubt(`${side.label} answers ${reply.status} to ${path.replace(/\?.*/, '')}`);
    }
    const bytes = await readBytes(reply.body, MOST_MANIFEST);
    yield parseJson(side, new TextDecoder().decode(bytes));
    path = nextOf(side, path, reply.headers.link);
  }
}

function nextOf({ base }: Side, path: string, link: string | undefined): string | undefined {
  const target = /<([^<>]*)>\s*;[^<]*\brel="?next\b/i.exec(link ?? '')?.[1];
  if (target === undefined || !URL.canParse(target, base + path)) return undefined;
  const next = new URL(target, base + path);
  return next.href.startsWith(`${base}/`) ? next.href.slice(base.length) : undefined;
}

/** A manifest as a side has it. */
interface Manifest {
  readonly digest: string;
  readonly size: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

function checkTag(task: Task, repository: string, tag: string): Check {
  const name = `${repository}:${tag}`;
  const path = `/v2/${repository}/manifests/${tag}`;
  return {
    name,
    path,
    async *run() {
      const { a, b } = task;
      const own = await fetchManifest(a, path);
      // Listed, and gone since.
      if (!own) return;
      const other = await fetchManifest(b, path);
      if (!other) {
        const byDigest = await findExistence(b, pathOf(repository, own.digest), HEADERS);
        yield missing(
          name,
          'tag',
          byDigest.type === 'there' ? `its digest ${own.digest} is there without the tag` : undefined,
        );
        if (byDigest.type === 'there') yield* compareParts(task, repository, name, own);
        return;
      }
      yield* compareHead(task, name, path, other);
      if (own.digest === other.digest) {
        yield* compareByDigest(task, repository, name, own.digest);
        yield* compareParts(task, repository, name, own);
        return;
      }
      const byDigest = await findExistence(b, pathOf(repository, own.digest), HEADERS);
      const there = byDigest.type === 'there';
      const where = there ? 'its digest is there under another tag' : 'its digest is not there';
      const parts = describeDifference(own.data, other.data);
      yield differs(name, 'digest', own.digest, other.digest, [where, ...parts].join('; '));
      if (there) yield* compareParts(task, repository, name, own);
    },
  };
}

async function fetchManifest(side: Side, path: string): Promise<Manifest | undefined> {
  const reply = await side.ask(path, { headers: HEADERS });
  if (reply.status !== 200) {
    reply.leave();
    if (isAbsent(reply.status)) return undefined;
    throw new Doubt(`${side.label} answers ${reply.status}`);
  }
  const bytes = await readBytes(reply.body, MOST_MANIFEST);
  if (!bytes) throw new Doubt(`${side.label} has a manifest of more than ${MOST_MANIFEST} bytes`);
  return {
    digest: `sha256:${await sha256(bytes)}`,
    size: bytes.length,
    type: reply.headers['content-type'] ?? '',
    data: parseJson(side, new TextDecoder().decode(bytes)),
  };
}

/** A client that asks with HEAD first must hear what GET would say. */
async function* compareHead(
  { b }: Task,
  name: string,
  path: string,
  other: Manifest,
): AsyncGenerator<Finding, void, undefined> {
  const reply = await b.ask(path, { method: 'HEAD', headers: HEADERS });
  reply.leave();
  const digest = reply.headers['docker-content-digest'];
  if (reply.status !== 200) yield differs(name, 'HEAD of the manifest', 'GET 200', `HEAD ${reply.status}`);
  else if (digest?.startsWith('sha256:') && digest !== other.digest)
    yield differs(name, 'HEAD of the manifest', `GET ${other.digest}`, `HEAD ${digest}`);
}

async function* compareByDigest(
  task: Task,
  repository: string,
  name: string,
  digest: string,
): AsyncGenerator<Finding, void, undefined> {
  if (!task.seen.isNew(`${repository}@${digest}`)) return;
  const there = await findExistence(task.b, pathOf(repository, digest), HEADERS);
  if (there.type === 'absent') yield missing(name, `manifest by digest ${digest}`);
  if (there.type === 'unclear') yield unchecked(name, `manifest by digest ${digest}`, there.reason);
}

/** Compares what a manifest names by digest: manifests, config, layers, and what refers to it. */
async function* compareParts(
  task: Task,
  repository: string,
  name: string,
  { digest, data }: Manifest,
): AsyncGenerator<Finding, void, undefined> {
  for (const child of listDescriptors(data.manifests)) yield* compareChild(task, repository, name, child);
  const blobs = [
    ...listDescriptors([data.config]).map((blob) => ({ ...blob, what: 'config' })),
    ...[data.layers, data.blobs, data.fsLayers]
      .flatMap(listDescriptors)
      .map((blob) => ({ ...blob, what: 'layer' })),
  ];
  for (const { what, digest, size, foreign } of blobs) {
    if (foreign || !task.seen.isNew(`${repository}@${digest}`)) continue;
    const path = `/v2/${repository}/blobs/${digest}`;
    yield* withDoubts(name, `${what} ${digest}`, () =>
      compareFile(task, { name, what: `${what} ${digest}`, path, size }),
    );
  }
  yield* compareReferrers(task, repository, name, digest);
}

async function* compareChild(
  task: Task,
  repository: string,
  name: string,
  { digest, platform }: Descriptor,
): AsyncGenerator<Finding, void, undefined> {
  if (!task.seen.isNew(`${repository}@${digest}`)) return;
  const what = `manifest ${digest}${platform === undefined ? '' : ` (${platform})`}`;
  yield* withDoubts(name, what, async function* () {
    const path = pathOf(repository, digest);
    const own = await fetchManifest(task.a, path);
    // Lists of platforms of which some were never pushed are common.
    if (!own) return;
    const there = await findExistence(task.b, path, HEADERS);
    if (there.type === 'absent') yield missing(name, what);
    else if (there.type === 'unclear') yield unchecked(name, what, there.reason);
    else yield* compareParts(task, repository, name, own);
  });
}

/** Distribution specification, "Listing Referrers": signatures and attestations that are no tags. */
async function* compareReferrers(
  task: Task,
  repository: string,
  name: string,
  digest: string,
): AsyncGenerator<Finding, void, undefined> {
  const path = `/v2/${repository}/referrers/${digest}`;
  const own = await readReferrers(task.a, path);
  if (own.length === 0) return;
  const what = `referrers of ${digest}`;
  yield* withDoubts(name, what, async function* () {
    const others = new Set((await readReferrers(task.b, path, true)).map((referrer) => referrer.digest));
    for (const referrer of own) {
      if (!others.has(referrer.digest)) yield missing(name, `referrer ${referrer.digest} of ${digest}`);
      else yield* compareChild(task, repository, name, referrer);
    }
  });
}

/** What refers to a manifest; nothing where a registry knows no referrers. */
async function readReferrers(side: Side, path: string, needed = false): Promise<readonly Descriptor[]> {
  try {
    const text = await readText(side, path);
    return text === undefined ? [] : listDescriptors(parseJson(side, text).manifests);
  } catch (error) {
    // Registries of before 1.1 answer all kinds of things.
    if (error instanceof Doubt && !needed) return [];
    throw error;
  }
}

interface Descriptor {
  readonly digest: string;
  readonly size: number | undefined;
  readonly platform: string | undefined;
  /** Whether it is to be had elsewhere (image specification, "non-distributable layers"). */
  readonly foreign: boolean;
}

function listDescriptors(list: unknown): readonly Descriptor[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown): readonly Descriptor[] => {
    if (!isRecord(entry)) return [];
    // Schema 1 has `blobSum`.
    const digest = entry.digest ?? entry.blobSum;
    if (typeof digest !== 'string' || !/^[a-z\d+._-]+:[\w=-]+$/.test(digest)) return [];
    const { platform, size, urls } = entry;
    return [
      {
        digest,
        size: typeof size === 'number' ? size : undefined,
        platform: isRecord(platform) ? `${platform.os}/${platform.architecture}` : undefined,
        foreign: Array.isArray(urls) && urls.length > 0,
      },
    ];
  });
}

/** Says in which parts two manifests differ. */
function describeDifference(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): readonly string[] {
  const parts: string[] = [];
  if (a.mediaType !== b.mediaType) parts.push(`media type ${a.mediaType} and ${b.mediaType}`);
  if (listDescriptors([a.config])[0]?.digest !== listDescriptors([b.config])[0]?.digest)
    parts.push('the configs differ');
  for (const key of ['layers', 'manifests'] as const) {
    const [own, others] = [listDescriptors(a[key]), listDescriptors(b[key])];
    const count = own.filter(({ digest }) => !others.some((other) => other.digest === digest)).length;
    if (count > 0) parts.push(`${count} of ${own.length} ${key} differ`);
  }
  return parts.length > 0 ? parts : ['the same content is written in another way'];
}

function pathOf(repository: string, reference: string): string {
  return `/v2/${repository}/manifests/${reference}`;
}

function texts(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : [];
}
