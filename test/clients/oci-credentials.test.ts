import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { turnoutProgram } from './build.ts';
import { createCleanup } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { served } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { pullImage } from './oci-lab.ts';
import { openSkopeo, type Skopeo } from './programs/skopeo.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type BlobStore, startBlobStore } from './upstreams/blob-store.ts';
import { type ImageInLayout, openImageWorkshop } from './upstreams/image.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';
import { type RotatingRegistry, startRotatingRegistry } from './upstreams/rotating-registry.ts';

/** Seconds that a password is good for. */
const LIFETIME = 3;
/** How many passwords expire while pulls go on. */
const EXPIRIES = 4;

const accessKey = 'lab-access-key-that-is-secret';

const cleanup = createCleanup();
let folder: string;
let skopeo: Skopeo;
let store: ImageStore;
let blobStore: BlobStore;
let image: ImageInLayout;
beforeAll(async () => {
  folder = (await cleanup.use(createTemporaryFolder())).path;
  [skopeo, blobStore] = await Promise.all([cleanup.use(openSkopeo()), cleanup.use(startBlobStore())]);
  store = await cleanup.use(createImageStore(folder));
  image = await (await openImageWorkshop(folder)).make('v1');
  await store.push(image, 'acme-inc/app', 'v1');
});
afterAll(() => cleanup.run());

/** How many passwords may have been fetched since then: each is renewed in the last tenth of its life. */
function mostIssued(started: number): number {
  return Math.ceil((Date.now() - started) / (LIFETIME * 900)) + 1;
}

/** A program that asks the API, and prints its answer or the password in it. */
const PROGRAM = `
const [api, what] = process.argv.slice(2);
const headers = { 'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken' };
const answer = await fetch(api, { method: 'POST', headers, body: '{}' });
const text = await answer.text();
if (!answer.ok) {
  console.error(JSON.parse(text).message);
  process.exit(3);
}
const [{ authorizationToken }] = JSON.parse(text).authorizationData;
console.log(what === 'json' ? text : Buffer.from(authorizationToken, 'base64').toString().slice('AWS:'.length));
`;

/** What \`auth:\` has in a rule file, for each way to fetch a password. */
const ways: readonly (readonly [name: string, auth: (program: string, api: string) => object | string])[] = [
  ['the AWS SDK', () => 'ecr'],
  ['a program that prints JSON', (program, api) => ({ command: [process.execPath, program, api, 'json'] })],
  [
    'a program that prints a password',
    (program, api) => ({
      command: [process.execPath, program, api, 'text'],
      username: 'AWS',
      lifetime: `${LIFETIME}s`,
    }),
  ],
];

describe.each(ways)('passwords that expire, fetched by %s', (_, auth) => {
  let registry: RotatingRegistry;
  let turnout: Turnout;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    registry = await cleanup.use(startRotatingRegistry({ store, blobStore, lifetime: LIFETIME }));
    const program = join(folder, 'password.mjs');
    await writeFile(program, PROGRAM);
    env = {
      AWS_ENDPOINT_URL: registry.api.origin,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: accessKey,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    };
    const rule = {
      name: 'images',
      protocol: 'oci',
      match: 'acme/*image',
      to: `${registry.origin}/acme-inc/*image`,
      auth: auth(program, registry.api.origin),
    };
    turnout = await cleanup.use(startTurnout(JSON.stringify({ rules: [rule] }, null, 2), { env }));
  });

  test('never fail a pull', async () => {
    const reference = `${turnout.authority}/acme/app:v1`;
    const until = Date.now() + LIFETIME * EXPIRIES * 1000;
    for (let pulls = 0; pulls < EXPIRIES || Date.now() < until; pulls += 1)
      await pullImage(skopeo, reference, image);

    expect(registry.issued()).toBeGreaterThanOrEqual(EXPIRIES);
    expect(served(registry.front.requests)).toContainEqual(expect.stringContaining('/manifests/v1'));
  });

  test('never fail a pull after a pause either, nor pulls at the same time', async () => {
    const reference = `${turnout.authority}/acme/app:v1`;
    await delay((LIFETIME + 2) * 1000);
    const before = registry.issued();
    await Promise.all(Array.from({ length: 4 }, () => pullImage(skopeo, reference, image)));
    expect(registry.issued()).toBeGreaterThan(before);
  });

  test('are fetched as often as they expire, and no more', async () => {
    const reference = `${turnout.authority}/acme/app:v1`;
    const [started, before] = [Date.now(), registry.issued()];
    while (Date.now() < started + LIFETIME * 1000) await pullImage(skopeo, reference, image);
    expect(registry.issued() - before).toBeLessThanOrEqual(mostIssued(started));
  });

  test('go to the registry alone', async () => {
    expect(blobStore.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
    const seen = registry.front.requests.flatMap(({ headers }) => headers.authorization ?? []);
    expect(seen).not.toHaveLength(0);
    expect(seen.filter((field) => !registry.secrets().includes(field.replace('Basic ', '')))).toEqual([]);
  });

  test('are not fetched anew for a rule whose auth is the same after a change', async () => {
    const reference = `${turnout.authority}/acme/app:v1`;
    await pullImage(skopeo, reference, image);
    const [started, before] = [Date.now(), registry.issued()];
    for (let name = 'images', change = 1; change <= 6; change += 1) {
      const next = `images-${change}`;
      await turnout.edit(`"name": "${name}"`, `"name": "${next}"`);
      await pullImage(skopeo, reference, image);
      name = next;
    }
    expect(registry.issued() - before).toBeLessThanOrEqual(mostIssued(started));
  });

  test('are missed on stderr, until the API gives them again', async () => {
    registry.refuse('not authorized to perform this');
    await delay((LIFETIME + 2) * 1000);
    const failed = await skopeo.pull(`${turnout.authority}/acme/app:v1`);
    expect(failed.ok).toBe(false);
    await turnout.process.waitFor(/no credential could be fetched: .*not authorized to perform this/, 5000);

    registry.refuse(undefined);
    await delay(1500);
    await pullImage(skopeo, `${turnout.authority}/acme/app:v1`, image);
  });

  test('are in no log, no explanation and no report', async () => {
    const options = { env: { ...process.env, ...env } };
    const turned = (...args: readonly string[]) => run(process.execPath, [turnoutProgram, ...args], options);
    const address = `http://${turnout.authority}/v2/acme/app/manifests/v1`;
    const explained = await turned('explain', address, '--rules', turnout.file);
    const decided = await turned('explain', address, '--rules', turnout.file, '--json');
    const checked = await turned('check', turnout.file, '--json');
    for (const { ok, output } of [explained, decided, checked]) expect(ok, output).toBe(true);

    const ready = await (await fetch(`${turnout.admin}/readyz`)).text();
    const texts = [turnout.process.stdout(), turnout.process.stderr(), ready].concat(
      [explained, decided, checked].map(({ output }) => output),
    );
    const secrets = [...registry.secrets(), accessKey];
    expect(secrets.length).toBeGreaterThan(EXPIRIES);
    for (const secret of secrets) for (const text of texts) expect(text).not.toContain(secret);
  });
});
