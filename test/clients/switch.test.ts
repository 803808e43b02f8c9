import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { turnoutProgram } from './build.ts';
import { createCleanup } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { type RunningProcess, startProcess } from './lab/process.ts';
import { served } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { openSkopeo, type Skopeo } from './programs/skopeo.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import type { Artifact } from './upstreams/artifact.ts';
import { startBlobStore } from './upstreams/blob-store.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';
import { makeQuickImage } from './upstreams/quick-image.ts';
import { type Registry, startRegistry } from './upstreams/registry.ts';

const SWITCHES = 10;

const cleanup = createCleanup();
let store: ImageStore;
let registries: readonly [Registry, Registry];
let skopeo: Skopeo;
let instances: readonly [Turnout, Turnout];

const rulesTo = (to: string): string => `# Images of acme.
rules:
  - name: images
    protocol: oci
    match: acme/*image
    to: '${to}'   # the one line
`;

/** Where the one line leads before and after each switch. */
const lineOf = (number: number): string =>
  number % 2 === 0 ? `${registries[0].origin}/acme/*image` : `${registries[1].origin}/acme-inc/*image`;

beforeAll(async () => {
  const folder = await cleanup.use(createTemporaryFolder());
  store = await cleanup.use(createImageStore(folder.path));
  const blobStore = await cleanup.use(startBlobStore());
  registries = [
    await cleanup.use(startRegistry('anonymous', { store, blobStore })),
    await cleanup.use(startRegistry('strict', { store, blobStore })),
  ];
  skopeo = await cleanup.use(openSkopeo());
  const first = await cleanup.use(startTurnout(rulesTo(lineOf(0))));
  instances = [first, await cleanup.use(startTurnout('', { address: first.file }))];
});
afterAll(() => cleanup.run());

/** Pushes an image that nobody has pulled, to where either line leads. */
async function push(): Promise<{ readonly image: Artifact; readonly tag: string }> {
  const image = makeQuickImage();
  const tag = image.digest.slice(7, 27);
  for (const namespace of ['acme', 'acme-inc']) await store.put(image, `${namespace}/app`, tag);
  return { image, tag };
}

/** Fetches a layer again and again with curl, by redirects if there are any. */
function startCurl({ origin }: Turnout, digest: string): RunningProcess {
  const format = '%{stderr}%{http_code} %{size_download}\\n';
  const args = ['-s', '-L', '-o', '/dev/null', '-w', format];
  return startProcess('curl', [...args, `${origin}/v2/acme/app/blobs/${digest}?n=[1-1000000]`]);
}

test(`clients pull without a pause while turnout switch moves the line ${SWITCHES} times, and no pull fails`, async () => {
  const { image } = await push();
  const [layer] = image.blobs.slice(-1);
  const curls = instances.map((instance) => startCurl(instance, layer ?? ''));
  for (const curl of curls) await cleanup.use(curl);
  const failures: string[] = [];
  let pulls = 0;
  let pulling = true;
  const pullers = instances.map(async ({ authority }) => {
    while (pulling) {
      const { image, tag } = await push();
      const { ok, output, digests } = await skopeo.pull(`${authority}/acme/app:${tag}`);
      if (!ok || !digests.includes(image.digest)) failures.push(output);
      pulls += 1;
    }
  });
  const [{ file }] = instances;
  const options = ['--rules', file, '--no-verify', '--yes', '--watch', '2'];
  const admins = instances.flatMap(({ admin }) => ['--instance', admin]);
  try {
    for (let number = 1; number <= SWITCHES; number += 1) {
      const before = pulls;
      const ended = await run(
        process.execPath,
        [turnoutProgram, 'switch', 'images', lineOf(number), ...options, ...admins],
        { timeout: 60_000 },
      );
      expect(ended.ok, ended.output).toBe(true);
      expect(await readFile(file, 'utf8')).toBe(rulesTo(lineOf(number)));
      await expect.poll(() => pulls, { timeout: 30_000 }).toBeGreaterThan(before);
    }
  } finally {
    pulling = false;
    await Promise.all(pullers);
  }
  const answers = curls.flatMap((curl) => curl.stderr().split('\n').slice(0, -1));
  for (const curl of curls) expect(curl.ended()).toBe(false);
  process.stdout.write(
    `${SWITCHES} switches, ${pulls} pulls by skopeo, ${answers.length} downloads by curl\n`,
  );
  expect(failures).toEqual([]);
  const [good] = answers;
  expect(good).toMatch(/^200 \d{3,}$/);
  expect(answers.filter((answer) => answer !== good)).toEqual([]);
  expect(pulls).toBeGreaterThan(SWITCHES);
  for (const [index, registry] of registries.entries()) {
    const path = `/v2/${index === 0 ? 'acme' : 'acme-inc'}/app/`;
    expect(served(registry.front.requests).some((url) => url.startsWith(path))).toBe(true);
    expect(registry.foreignCredentials()).toEqual([]);
  }
}, 240_000);
