import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { ask } from './lab/http-client.ts';
import { served } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { openContainerdMirror } from './programs/containerd-mirror.ts';
import { openCurl } from './programs/curl.ts';
import { type DockerMirror, openDockerMirror } from './programs/docker-mirror.ts';
import { type MirrorUsers, useMirror } from './programs/registries-conf.ts';
import { openSkopeo } from './programs/skopeo.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import type { Artifact } from './upstreams/artifact.ts';
import { makeIndex } from './upstreams/artifact.ts';
import {
  fallbackTag,
  helmTypes,
  makeBottles,
  makeHelmChart,
  makeReferrer,
  makeSignature,
} from './upstreams/artifacts.ts';
import { type BlobStore, startBlobStore } from './upstreams/blob-store.ts';
import { acceptManifests, digestOf, types } from './upstreams/descriptor.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';
import { makeQuickImage } from './upstreams/quick-image.ts';
import { type Registry, startRegistry } from './upstreams/registry.ts';

// Who else speaks to a registry: mirrors, builders, package managers, signers. The registry is of the strictest kind.

const cleanup = createCleanup();
let folder: string;
let store: ImageStore;
let blobStore: BlobStore;
let registry: Registry;
let turnout: Turnout;

beforeAll(async () => {
  folder = (await cleanup.use(createTemporaryFolder())).path;
  store = await cleanup.use(createImageStore(folder));
  blobStore = await cleanup.use(startBlobStore());
  registry = await cleanup.use(startRegistry('strict', { store, blobStore, delivery: 'absolute' }));
  const rule = (from: string, to: string): string =>
    `  - { protocol: oci, match: ${from}/*name, to: ${registry.origin}/${to}/*name }\n`;
  const rules = [rule('acme', 'acme-inc'), rule('library', 'acme-hub'), rule('homebrew', 'homebrew')];
  turnout = await cleanup.use(startTurnout(`rules:\n${rules.join('')}`));
});
beforeEach(() => {
  registry.forget();
  blobStore.forget();
  turnout.forget();
});
afterAll(() => cleanup.run());

/** Expects that the registry gave out an image under its own name, and that nobody showed a stray credential. */
function expectServed({ blobs }: Artifact, repository: string): void {
  const paths = served(registry.front.requests);
  for (const blob of blobs) {
    expect(paths).toContain(`/v2/${repository}/blobs/${blob}`);
    expect(served(blobStore.requests)).toContainEqual(expect.stringContaining(`/${blob}?`));
  }
  expect(registry.foreignCredentials()).toEqual([]);
  expect(blobStore.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
}

describe('docker with `registry-mirrors`', () => {
  let mirror: DockerMirror;
  beforeAll(async () => {
    mirror = await cleanup.use(openDockerMirror(turnout.origin));
  });

  test.each([
    ['acme/mirrored', 'acme-inc/mirrored'],
    ['mirrored', 'acme-hub/mirrored'],
  ])('pulls %s of Docker Hub', async (name, repository) => {
    const image = await store.put(makeQuickImage(), repository, 'v1');
    const { ok, output } = await mirror.docker(['pull', `${name}:v1`]);
    expect(ok, output).toBe(true);
    expect(output).toContain(image.digest);
    expectServed(image, repository);
  });

  test.each(['0', '1'])('builds on an image, with DOCKER_BUILDKIT=%s', async (buildkit) => {
    const [named, mirrored] = [makeQuickImage(), makeQuickImage()];
    await store.put(named, 'acme-inc/base', `named-${buildkit}`);
    await store.put(mirrored, 'acme-hub/base', `mirrored-${buildkit}`);
    const context = await mkdtemp(join(folder, 'build-'));
    await writeFile(
      join(context, 'Dockerfile'),
      `FROM ${turnout.authority}/acme/base:named-${buildkit} AS named
FROM base:mirrored-${buildkit}
COPY --from=named /unique-0 /copied
`,
    );

    const { ok, output } = await mirror.docker(['build', '--tag', `built-${buildkit}`, context], {
      DOCKER_BUILDKIT: buildkit,
    });

    expect(ok, output).toBe(true);
    expectServed(named, 'acme-inc/base');
    expectServed(mirrored, 'acme-hub/base');
  });
});

test('containerd with a `hosts.toml` is not told on to the registry behind', async () => {
  const image = await store.put(makeQuickImage(), 'acme-inc/hosts', 'v1');
  const containerd = await cleanup.use(openContainerdMirror('registry.example', turnout.origin));

  const { ok, output } = await containerd.pull('registry.example/acme/hosts:v1');

  expect(ok, output).toBe(true);
  expectServed(image, 'acme-inc/hosts');
  await turnout.waitForAccess(({ path }) => path.endsWith('?ns=registry.example'));
  expect(registry.front.requests.filter(({ url }) => url.includes('ns='))).toEqual([]);
});

describe('a `registries.conf` with a mirror', () => {
  let users: MirrorUsers;
  beforeAll(async () => {
    users = await useMirror(folder, 'registry.example/acme', `${turnout.authority}/acme`);
  });

  test.each(['skopeo', 'podman'] as const)('is heeded by %s', async (program) => {
    const image = await store.put(makeQuickImage(), 'acme-inc/conf', program);
    const { ok, output } = await users[program](`registry.example/acme/conf:${program}`);
    expect(ok, output).toBe(true);
    expectServed(image, 'acme-inc/conf');
  });
});

test('Homebrew with HOMEBREW_ARTIFACT_DOMAIN gets a bottle', async () => {
  const bottles = await store.put(makeBottles('jq', '1.7.1'), 'homebrew/core/jq', '1.7.1');
  const [, bottle = ''] = bottles.children[1]?.blobs ?? [];
  const curl = await cleanup.use(openCurl());
  const brew = (path: string, ...args: string[]) =>
    curl.fetch(
      ...[
        '--globoff',
        '--fail',
        '--remote-time',
        '--user-agent',
        'Homebrew/4.6.0 (Linux; x86_64) curl/7.88.1',
      ],
      ...['--header', 'Accept-Language: en', ...args, `${turnout.origin}/v2/homebrew/core/jq/${path}`],
    );

  const acceptIndex = ['--header', `Accept: ${types.index}`];
  const manifestHead = await brew('manifests/1.7.1', ...acceptIndex, '--head');
  const manifest = await brew('manifests/1.7.1', ...acceptIndex);
  const head = await brew(`blobs/${bottle}`, '--head');
  const body = await brew(`blobs/${bottle}`);

  expect(manifestHead).toMatchObject({ ok: true, status: 200, redirects: 0 });
  expect(manifestHead.headers.get('content-length')).toBe(String(bottles.body.length));
  expect(manifest).toMatchObject({ ok: true, status: 200, body: bottles.body });
  expect(head).toMatchObject({ ok: true, status: 200 });
  expect(head.headers.get('content-length')).toBe(String(body.body.length));
  expect(body).toMatchObject({ ok: true, status: 200, redirects: 1 });
  expect(digestOf(body.body)).toBe(bottle);
  expect(registry.foreignCredentials()).toEqual([]);
  expect(blobStore.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
});

describe('a Helm chart', () => {
  test('is there for who asks as Helm does', async () => {
    const chart = await store.put(makeHelmChart('app', '1.0.0'), 'acme-inc/charts/app', '1.0.0');
    const base = '/v2/acme/charts/app';
    const headers = { ...acceptManifests, 'user-agent': 'Helm/3.15.2' };

    const head = await ask(turnout.origin, `${base}/manifests/1.0.0`, { method: 'HEAD', headers });
    const manifest = await ask(turnout.origin, `${base}/manifests/${chart.digest}`, { headers });
    const contents = await Promise.all(
      chart.blobs.map((blob) => ask(turnout.origin, `${base}/blobs/${blob}`, { headers })),
    );

    expect(head.headers['docker-content-digest']).toBe(chart.digest);
    expect(manifest.body).toEqual(chart.body);
    expect(JSON.parse(manifest.body.toString())).toMatchObject({
      config: { mediaType: helmTypes.config },
      layers: [{ mediaType: helmTypes.chart }],
    });
    expect(contents.map(({ body }) => digestOf(body))).toEqual(chart.blobs);
    expectServed(chart, 'acme-inc/charts/app');
  });

  test('is copied by skopeo', async () => {
    const chart = await store.put(makeHelmChart('app', '1.0.1'), 'acme-inc/charts/app', '1.0.1');
    const skopeo = await cleanup.use(openSkopeo());
    const { ok, output, digests } = await skopeo.pull(`${turnout.authority}/acme/charts/app:1.0.1`);
    expect(ok, output).toBe(true);
    expect(digests).toEqual([chart.digest]);
  });
});

describe('what belongs to an image', () => {
  const base = '/v2/acme/signed';
  const get = (path: string) => ask(turnout.origin, `${base}/${path}`, { headers: acceptManifests });
  let image: Artifact;
  beforeAll(async () => {
    image = await store.put(makeQuickImage(), 'acme-inc/signed', 'v1');
  });

  test("is found by cosign's tag", async () => {
    const tag = fallbackTag(image.digest, '.sig');
    const signature = await store.put(makeSignature(image), 'acme-inc/signed', tag);

    expect((await get(`manifests/${tag}`)).body).toEqual(signature.body);
    for (const blob of signature.blobs) expect(digestOf((await get(`blobs/${blob}`)).body)).toBe(blob);
  });

  test('is found as a referrer', async () => {
    const type = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    const referrer = await store.put(makeReferrer(image, type), 'acme-inc/signed');
    await store.put(makeReferrer(image, 'application/spdx+json'), 'acme-inc/signed');

    const list = await get(`referrers/${image.digest}?artifactType=${encodeURIComponent(type)}`);
    const { manifests } = JSON.parse(list.body.toString()) as { manifests: { digest: string }[] };

    expect(list.headers).toMatchObject({
      'content-type': types.index,
      'oci-filters-applied': 'artifactType',
    });
    expect(manifests.map(({ digest }) => digest)).toEqual([referrer.digest]);
    expect((await get(`manifests/${referrer.digest}`)).body).toEqual(referrer.body);
    const [, statement = ''] = referrer.blobs;
    expect(digestOf((await get(`blobs/${statement}`)).body)).toBe(statement);
  });

  test('is found by the tag that stands in for referrers', async () => {
    const list = makeIndex([{ artifact: makeReferrer(image, 'application/spdx+json') }]);
    await store.put(list, 'acme-inc/signed', fallbackTag(image.digest));
    expect((await get(`manifests/${fallbackTag(image.digest)}`)).body).toEqual(list.body);
  });
});
