import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { turnoutProgram } from './build.ts';
import { createCleanup, type Stoppable } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { freePort } from './lab/free-port.ts';
import { type RunningProcess, startProcess } from './lab/process.ts';
import { readCommands, replaceWords } from './lab/read-commands.ts';
import { type RecordingServer, startRecordingServer } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { createPipProject, type PipProject } from './programs/pip.ts';
import { openSkopeo, type Skopeo } from './programs/skopeo.ts';
import { type RedisStore, startRedis } from './stores/redis.ts';
import type { Artifact } from './upstreams/artifact.ts';
import { startBlobStore } from './upstreams/blob-store.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';
import { makeDistribution, type PythonIndex, startPythonIndex } from './upstreams/python-index.ts';
import { makeQuickImage } from './upstreams/quick-image.ts';
import { type Registry, startRegistry } from './upstreams/registry.ts';

// examples/several-instances as it is written: its haproxy.cfg, its commands, its rules but for where they lead.

const EXAMPLE = 'examples/several-instances';
const SWITCHES = 36;
/** How long an answer may come from the set of before, once both instances have the new one, in milliseconds. */
const LIMIT = 1000;
const NAMES = ['one', 'two'] as const;
type Name = (typeof NAMES)[number];

/** The text of every download. */
const ARTIFACT = randomBytes(3000);

const cleanup = createCleanup();
const page = readFileSync(`${EXAMPLE}/turnout.yaml`, 'utf8');
let redis: RedisStore;
let downloads: RecordingServer;
let indexes: readonly PythonIndex[];
let registries: readonly Registry[];
let images: ImageStore;
let user: { readonly username: string; readonly password: string };
let ports: Readonly<Record<'balancer' | `${Name}` | `${Name}Admin`, number>>;
let folder: string;
let balancer: string;
const instances: Partial<Record<Name, RunningProcess>> = {};

beforeAll(async () => {
  folder = (await cleanup.use(createTemporaryFolder())).path;
  redis = await cleanup.use(startRedis());
  downloads = await cleanup.use(startDownloads());
  await openUpstreams();
  const [balancerPort = 0, one = 0, two = 0, oneAdmin = 0, twoAdmin = 0] = await findPorts(5);
  ports = { balancer: balancerPort, one, two, oneAdmin, twoAdmin };
  balancer = `http://127.0.0.1:${balancerPort}`;
  await redis.put(rulesOf(0));
  for (const name of NAMES) await startInstance(name);
  await startBalancer();
});
afterAll(() => cleanup.run());

async function findPorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  while (found.size < count) found.add(await freePort());
  return [...found];
}

/** An origin that has every file below every version, and says which version was asked. */
function startDownloads(): Promise<RecordingServer> {
  return startRecordingServer('127.0.0.2', async ({ url = '' }, response) => {
    const version = /^\/v(\d+)\//.exec(url)?.[1];
    if (version === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-length': ARTIFACT.length, 'x-version': version });
    if (!url.endsWith('/slow')) return void response.end(ARTIFACT);
    for (let at = 0; at < ARTIFACT.length; at += 100) {
      response.write(ARTIFACT.subarray(at, at + 100));
      await delay(200);
    }
    response.end();
  });
}

async function openUpstreams(): Promise<void> {
  images = await cleanup.use(createImageStore(folder));
  const blobStore = await cleanup.use(startBlobStore());
  const first = await cleanup.use(startRegistry('private', { store: images, blobStore }));
  user = first.credentials ?? { username: '', password: '' };
  const options = { store: images, blobStore, credentials: user } as const;
  registries = [first, await cleanup.use(startRegistry('private', options))];
  const open = () => startPythonIndex({ address: '127.0.0.2', layout: 'api', base: '/' });
  indexes = [await cleanup.use(open()), await cleanup.use(open())];
  for (const index of indexes) index.add(makeDistribution({ name: 'acme', version: '1.0' }));
}

/** The rules of the example, each led to where this version of the lab is. */
function rulesOf(version: number): string {
  const [registry, index] = [registries[version % 2], indexes[version % 2]];
  const to: Readonly<Record<string, string>> = {
    'ghcr.io/acme-inc/': `${registry?.origin}/${version % 2 === 0 ? 'old' : 'new'}/`,
    'https://python.acme-inc.example/': `${index?.url}/`,
    'https://downloads.acme-inc.example/': `${downloads.origin}/v${version}/`,
    'https://files.acme-inc.example/': `${downloads.origin}/v${version}/`,
  };
  return Object.entries(to).reduce((text, [from, place]) => {
    expect(text.split(`to: ${from}`), from).toHaveLength(2);
    return text.replace(`to: ${from}`, `to: ${place}`);
  }, page);
}

const revisionOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

/** The secret that the page says to share. */
const tokenKey = randomBytes(32).toString('hex');

async function startInstance(name: Name): Promise<void> {
  const number = NAMES.indexOf(name) + 1;
  const command = readCommands(`${EXAMPLE}/README.md`, 'turnout serve ')[number - 1] ?? [];
  const cache = `/var/lib/turnout/${name}.json`;
  mkdirSync(join(folder, 'lib'), { recursive: true });
  const [, ...args] = replaceWords(command, {
    'redis://127.0.0.1:6379/0#turnout': redis.address,
    [`808${number}`]: `${ports[name]}`,
    [`127.0.0.1:909${number}`]: `127.0.0.1:${ports[`${name}Admin`]}`,
    [cache]: join(folder, 'lib', `${name}.json`),
  });
  const env = { ...process.env, ...redis.env, TURNOUT_TOKEN_KEY: tokenKey };
  const started = startProcess(process.execPath, [turnoutProgram, ...args], { env, grace: 40_000 });
  instances[name] = await cleanup.use(started);
  await started.waitFor(/turnout ready at/);
}

async function startBalancer(): Promise<void> {
  const [command = '', ...args] = replaceWords(readCommands(`${EXAMPLE}/README.md`, 'haproxy')[0] ?? [], {
    'haproxy.cfg': `${EXAMPLE}/haproxy.cfg`,
  });
  const at = (port: number) => `127.0.0.1:${port}`;
  const env = {
    PATH: `${process.env.PATH}:/usr/sbin`,
    LISTEN: at(ports.balancer),
    ONE: at(ports.one),
    TWO: at(ports.two),
    ONE_ADMIN: `${ports.oneAdmin}`,
    TWO_ADMIN: `${ports.twoAdmin}`,
  };
  await cleanup.use(startProcess(command, args, { env }));
  const status = () => fetch(`${balancer}/dl/a`, { redirect: 'manual' }).then(({ status }) => status, String);
  await vi.waitFor(async () => expect(await status()).toBe(302), 10_000);
}

interface Ready {
  readonly status: string;
  readonly revision: string;
  readonly failure?: string;
  readonly source: { readonly ok: boolean; readonly from: string };
}

async function ready(name: Name): Promise<Ready> {
  const answer = await fetch(`http://127.0.0.1:${ports[`${name}Admin`]}/readyz`);
  return (await answer.json()) as Ready;
}

/** Waits until both instances say that they have a text. */
async function acknowledged(text: string): Promise<void> {
  for (const name of NAMES) {
    await expect
      .poll(async () => (await ready(name)).revision, { timeout: 15_000, interval: 10 })
      .toBe(revisionOf(text));
  }
}

/** What goes on all the while, and what went wrong. */
interface Load extends Stoppable {
  /** What happened that may not happen. */
  readonly faults: readonly string[];
  /** How often each client has had what it wanted. */
  readonly counts: Readonly<Record<string, number>>;
  /** A version is in force from now on, in both. */
  reached(version: number): void;
}

/** Downloads with curl by a redirect and through the gateway, pip and skopeo, each again and again. */
async function startLoad(start: number): Promise<Load> {
  const faults: string[] = [];
  const counts: Record<string, number> = { redirected: 0, proxied: 0, pip: 0, skopeo: 0 };
  const reached: { readonly version: number; readonly at: number }[] = [{ version: start, at: 0 }];
  let going = true;

  function judge(name: string, line: string): void {
    counts[name] = (counts[name] ?? 0) + 1;
    const [code, status, size, version] = line.split(' ');
    const oldest = reached.findLast(({ at }) => at <= performance.now() - LIMIT)?.version ?? start;
    const whole = code === '0' && status === '200' && size === `${ARTIFACT.length}`;
    if (!whole || !(Number(version) >= oldest)) faults.push(`${name} (${oldest} is in force): ${line}`);
  }
  const curls = [
    startCurl('/dl', (line) => judge('redirected', line)),
    startCurl('/inside', (line) => judge('proxied', line)),
  ];
  const pip = await createPipProject(`${balancer}/python/simple/`);
  const skopeo = await openSkopeo();
  const loops = [repeat('pip', () => installWith(pip)), repeat('skopeo', () => pullWith(skopeo))];

  async function repeat(name: string, once: () => Promise<string | undefined>): Promise<void> {
    while (going) {
      const fault = await once();
      if (fault !== undefined) faults.push(`${name}: ${fault}`);
      counts[name] = (counts[name] ?? 0) + 1;
    }
  }
  return {
    faults,
    counts,
    reached: (version) => void reached.push({ version, at: performance.now() }),
    async stop() {
      going = false;
      await Promise.all(loops);
      for (const curl of curls) {
        if (curl.ended()) faults.push(`curl ended: ${curl.stderr().slice(-500)}`);
        await curl.stop();
      }
      await pip.stop();
      await skopeo.stop();
    },
  };
}

/** Downloads over connections that stay open, and tells of each: curl's exit code, the status, the size, the version. */
function startCurl(path: string, onLine: (line: string) => void): RunningProcess {
  const format = '%{stderr}%{exitcode} %{http_code} %{size_download} %header{x-version}\\n';
  // Slow enough to leave something of two cores to the others.
  const pace = ['--rate', '100/s', '--limit-rate', '10M'];
  const address = `${balancer}${path}/[1-1000000]`;
  const curl = startProcess('curl', ['-sL', ...pace, '-o', '/dev/null', '-w', format, address]);
  let read = 0;
  const look = () => {
    const text = curl.stderr();
    for (let end = text.indexOf('\n', read); end !== -1; end = text.indexOf('\n', read)) {
      onLine(text.slice(read, end));
      read = end + 1;
    }
    return undefined;
  };
  curl.waitUntil(look, 'its end', 600_000).catch(() => {});
  return curl;
}

async function installWith(pip: PipProject): Promise<string | undefined> {
  const { finished, files } = await pip.download('acme');
  return finished.ok && files.length === 1 ? undefined : finished.output;
}

/** Pulls an image that no other pull has had, as a user of the registry. */
async function pullWith(skopeo: Skopeo): Promise<string | undefined> {
  const image: Artifact = makeQuickImage();
  const tag = image.digest.slice(7, 27);
  for (const place of ['old', 'new']) await images.put(image, `${place}/app`, tag);
  const authority = new URL(balancer).host;
  const { ok, output, digests } = await skopeo.pull(`${authority}/acme/app:${tag}`, { authority, ...user });
  return ok && digests.includes(image.digest) ? undefined : output;
}

describe('two instances behind HAProxy, on rules in Redis', () => {
  let version = 0;

  /** Switches the rules; gives the milliseconds until both instances had them. */
  async function switchRules(load: Load): Promise<number> {
    version += 1;
    const text = rulesOf(version);
    await redis.put(text);
    const start = performance.now();
    await acknowledged(text);
    load.reached(version);
    return performance.now() - start;
  }

  async function under(what: (load: Load) => Promise<void>): Promise<void> {
    const load = await startLoad(version);
    try {
      await what(load);
      const fewest = () => Math.min(...Object.values(load.counts));
      await expect.poll(fewest, { timeout: 30_000 }).toBeGreaterThan(1);
    } finally {
      await load.stop();
    }
    process.stdout.write(`${JSON.stringify(load.counts)}\n`);
    expect(load.faults).toEqual([]);
  }

  test('both answer, by the same rules', async () => {
    await acknowledged(rulesOf(0));
    for (const name of NAMES) {
      const before = instances[name]?.stdout().length ?? 0;
      await expect
        .poll(async () => {
          await (await fetch(`${balancer}/dl/a`, { redirect: 'manual' })).text();
          return instances[name]?.stdout().slice(before);
        })
        .toContain('"path":"/dl/a"');
    }
  });

  test.each(['/dl/a%2Fb', '/dl/a%3Ab+c~d', '/dl//a', '/dl/%C3%A9?x=%20&y=+'])(
    'the path %s passes byte for byte',
    async (path) => {
      const format = ['-s', '-o', '/dev/null', '-w', '%{redirect_url}'];
      const { stdout } = await run('curl', ['--path-as-is', ...format, `${balancer}${path}`]);
      expect(stdout).toBe(`${downloads.origin}/v${version}${path.slice('/dl'.length)}`);
    },
  );

  test('what a client says of its origin counts for nothing', async () => {
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' };
    const answer = await fetch(`${balancer}/python/simple/acme/`, { headers });
    expect(answer.status).toBe(200);
    expect(await answer.text()).not.toContain('evil.example');
  });

  test(`${SWITCHES} switches: no download fails, and none is of an old set a second after both have the new one`, async () => {
    await under(async (load) => {
      const times: number[] = [];
      for (let count = 0; count < SWITCHES; count += 1) {
        times.push(await switchRules(load));
        await delay(150 + Math.random() * 300);
      }
      await delay(LIMIT + 200);
      times.sort((a, b) => a - b);
      const [median, longest] = [times[SWITCHES / 2], times.at(-1)].map((time) => Math.round(time ?? 0));
      process.stdout.write(`both had it after ${median} ms (median), ${longest} ms (longest)\n`);
    });
  });

  test.each(NAMES)('instance %s is restarted: no download fails, and one that runs goes on', async (name) => {
    await under(async (load) => {
      const slow = [1, 2, 3, 4].map(() =>
        fetch(`${balancer}/inside/slow`).then((answer) => answer.arrayBuffer()),
      );
      await delay(500);
      const instance = instances[name];
      instance?.signal('SIGTERM');
      await expect.poll(async () => (await ready(name)).status).toBe('draining');
      // It still takes requests, and so it still takes up rules.
      await switchRules(load);
      expect(await instance?.exit()).toBe(0);
      for (const body of await Promise.all(slow)) expect(Buffer.from(body).equals(ARTIFACT)).toBe(true);
      await startInstance(name);
      await switchRules(load);
      await delay(1500);
    });
  });

  test('an instance that crashes is not missed by who is redirected', async () => {
    const lines: string[] = [];
    const curl = await cleanup.use(startCurl('/dl', (line) => void lines.push(line)));
    await expect.poll(() => lines.length, { timeout: 10_000 }).toBeGreaterThan(50);
    instances.two?.signal('SIGKILL');
    const before = lines.length;
    await expect.poll(() => lines.length, { timeout: 10_000 }).toBeGreaterThan(before + 100);
    await startInstance('two');
    await delay(1500);
    await curl.stop();
    expect(lines.filter((line) => line !== `0 200 ${ARTIFACT.length} ${version}`)).toEqual([]);
  });

  test('Redis is killed and comes back: the last good rules serve, and the next change is taken up', async () => {
    await under(async (load) => {
      await redis.kill();
      for (const name of NAMES) {
        await expect
          .poll(async () => (await ready(name)).source.ok, { timeout: 15_000, interval: 50 })
          .toBe(false);
        expect(await ready(name)).toMatchObject({
          status: 'degraded',
          revision: revisionOf(rulesOf(version)),
        });
      }
      await delay(500);
      await redis.revive();
      await switchRules(load);
    });
  });

  test('an instance starts from its copy while Redis is down', async () => {
    await under(async (load) => {
      await redis.kill();
      instances.one?.signal('SIGTERM');
      expect(await instances.one?.exit()).toBe(0);
      await startInstance('one');
      expect(await ready('one')).toMatchObject({ source: { from: 'copy' } });
      await delay(1000);
      await redis.revive();
      await switchRules(load);
    });
  });

  test('a set with a mistake reaches nobody', async () => {
    await under(async (load) => {
      await redis.put(rulesOf(version + 1).replace('protocol: pypi', 'protocol: pipy'));
      for (const name of NAMES) {
        await expect
          .poll(async () => (await ready(name)).failure, { timeout: 5000 })
          .toContain('unknown_protocol');
        expect((await ready(name)).revision).toBe(revisionOf(rulesOf(version)));
      }
      await delay(1500);
      await switchRules(load);
      for (const name of NAMES) expect((await ready(name)).failure).toBeUndefined();
    });
  });
});
