import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { installNpmProgram } from './lab/npm-program.ts';
import { type RecordingServer, startRecordingServer } from './lab/recording-server.ts';

// examples/worker on workerd, the runtime of Cloudflare Workers, as Miniflare runs it.

const EXAMPLE = 'examples/worker';
/** The newest that runs on Node 20. */
const MINIFLARE = '4.20260426.0';
const KEY = 'turnout.yaml';

/** A Worker, as far as the tests have to do with it. */
interface Miniflare {
  readonly ready: Promise<URL>;
  getKVNamespace(binding: string, worker?: string): Promise<Namespace>;
  dispose(): Promise<void>;
}

interface Namespace {
  put(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
}

type Constructor = new (options: object) => Miniflare;

interface WranglerFile {
  readonly main: string;
  readonly compatibility_date: string;
  readonly kv_namespaces?: readonly { readonly binding: string }[];
  readonly vars?: Readonly<Record<string, string>>;
}

const cleanup = createCleanup();
let Runtime: Constructor;
let downloads: RecordingServer;

beforeAll(async () => {
  const modules = await installNpmProgram('miniflare', MINIFLARE);
  const entry = pathToFileURL(join(modules, 'miniflare/dist/src/index.js')).href;
  const module = (await import(entry)) as { readonly Miniflare: Constructor };
  Runtime = module.Miniflare;
  downloads = await cleanup.use(
    startRecordingServer('127.0.0.2', ({ url }, response) => void response.end(`file ${url}`)),
  );
});
afterAll(() => cleanup.run());

const rulesTo = (version: string): string => `rules:
  - protocol: file
    match: /dl/*path
    to: ${downloads.origin}/${version}/*path
  - protocol: file
    match: /inside/*path
    to: ${downloads.origin}/${version}/*path
    mode: proxy
`;

/** Starts the Worker of a file of wrangler's, bundled from the package as wrangler does. */
async function startWorker(file: string, options: object, others: readonly object[] = []): Promise<Worker> {
  const wrangler = JSON.parse(readFileSync(`${EXAMPLE}/${file}`, 'utf8')) as WranglerFile;
  const { outputFiles, metafile } = await build({
    entryPoints: [`${EXAMPLE}/${wrangler.main}`],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
    logLevel: 'error',
    // This repository's own settings lead to its source; the package leads to what is published.
    tsconfigRaw: '{}',
  });
  expect(Object.keys(metafile.inputs).filter((path) => path.startsWith('src/'))).toEqual([]);
  const worker = {
    name: 'gateway',
    modules: [{ type: 'ESModule', path: 'worker.js', contents: outputFiles[0]?.text ?? '' }],
    compatibilityDate: wrangler.compatibility_date,
    kvNamespaces: wrangler.kv_namespaces?.map(({ binding }) => binding) ?? [],
    bindings: wrangler.vars ?? {},
    ...options,
  };
  const miniflare = new Runtime({ host: '127.0.0.1', port: 0, cf: false, workers: [worker, ...others] });
  await cleanup.use({ stop: () => miniflare.dispose() });
  return { miniflare, origin: (await miniflare.ready).origin };
}

interface Worker {
  readonly miniflare: Miniflare;
  readonly origin: string;
}

/** Where curl is sent for a file; the status alone when it is not. */
async function leadsTo({ origin }: Worker): Promise<string> {
  const format = ['-s', '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}'];
  const { stdout } = await run('curl', [...format, `${origin}/dl/a%2Fb`]);
  return stdout.trim();
}

/** The Worker looks every five seconds. */
const inTime = { timeout: 15_000, interval: 100 } as const;
/** A look at the rules has come and gone. */
const aLook = () => new Promise((resolve) => setTimeout(resolve, 5200));

/** A place of rules, and the Worker that has them from there. */
interface Place {
  readonly worker: Worker;
  put(text: string): Promise<void>;
  /** Takes it out of service, or puts it back. */
  setDown(down: boolean): Promise<void>;
}

async function startOnKv(): Promise<Place> {
  const worker = await startWorker('wrangler.kv.json', {});
  const kv = await worker.miniflare.getKVNamespace('RULES', 'gateway');
  let last = '';
  return {
    worker,
    async put(text) {
      last = text;
      await kv.put(KEY, text);
    },
    setDown: (down) => (down ? kv.delete(KEY) : kv.put(KEY, last)),
  };
}

/** A stand-in that hands on what KV has, and fails as KV does when it is out of order. */
const FAILING = `
import { WorkerEntrypoint } from 'cloudflare:workers';
export class Store extends WorkerEntrypoint {
  async get(key) {
    if ((await this.env.RULES.get('down')) !== null) throw new Error('KV GET failed: 503 Service Unavailable');
    return this.env.RULES.get(key);
  }
}
export default { fetch: () => new Response(null, { status: 404 }) };
`;

async function startOnFailingKv(): Promise<Place> {
  const store = {
    name: 'store',
    modules: [{ type: 'ESModule', path: 'store.js', contents: FAILING }],
    compatibilityDate: '2026-01-01',
    kvNamespaces: ['RULES'],
  };
  const bound = { kvNamespaces: [], serviceBindings: { RULES: { name: 'store', entrypoint: 'Store' } } };
  const worker = await startWorker('wrangler.kv.json', bound, [store]);
  const kv = await worker.miniflare.getKVNamespace('RULES', 'store');
  return {
    worker,
    put: (text) => kv.put(KEY, text),
    setDown: (down) => (down ? kv.put('down', 'yes') : kv.delete('down')),
  };
}

async function startOnAddress(): Promise<Place> {
  const state = { text: '', down: false };
  const server = await cleanup.use(
    startRecordingServer('127.0.0.3', ({ url, headers }, response) => {
      if (state.down) return void response.socket?.destroy();
      if (url !== `/${KEY}` || headers.authorization !== 'Bearer secret')
        return void response.writeHead(401).end();
      response.end(state.text);
    }),
  );
  const bindings = { RULES_URL: `${server.origin}/${KEY}`, RULES_TOKEN: 'secret' };
  return {
    worker: await startWorker('wrangler.address.json', { bindings }),
    async put(text) {
      state.text = text;
    },
    async setDown(down) {
      state.down = down;
    },
  };
}

describe.each([
  ['KV', startOnKv],
  ['KV that may fail', startOnFailingKv],
  ['an address', startOnAddress],
] as const)('a Worker with rules from %s', (_, start) => {
  let place: Place;
  let worker: Worker;
  beforeAll(async () => {
    place = await start();
    worker = place.worker;
  });
  beforeEach(() => downloads.forget());

  test('answers 503 while there are no rules, and by them as soon as there are', async () => {
    await place.put(rulesTo('v1'));
    await place.setDown(true);
    const answer = await fetch(`${worker.origin}/dl/a`, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    await place.setDown(false);
    expect(await leadsTo(worker)).toBe(`302 ${downloads.origin}/v1/a%2Fb`);
  });

  test('hands out what curl asks for, by a redirect and through itself', async () => {
    for (const path of ['dl', 'inside']) {
      const { stdout } = await run('curl', ['-sfL', `${worker.origin}/${path}/a`]);
      expect(stdout).toBe('file /v1/a');
    }
    expect((await fetch(`${worker.origin}/elsewhere`)).status).toBe(404);
  });

  test('takes up a change', async () => {
    await place.put(rulesTo('v2'));
    await expect.poll(() => leadsTo(worker), inTime).toBe(`302 ${downloads.origin}/v2/a%2Fb`);
  });

  test('keeps a set with a mistake out', async () => {
    await place.put(rulesTo('v3').replace('protocol: file', 'protocol: fiel'));
    for (let count = 0; count < 2; count += 1) {
      await aLook();
      expect(await leadsTo(worker)).toBe(`302 ${downloads.origin}/v2/a%2Fb`);
    }
    await place.put(rulesTo('v3'));
    await expect.poll(() => leadsTo(worker), inTime).toBe(`302 ${downloads.origin}/v3/a%2Fb`);
  });

  test('goes on while its source is down, and takes up what comes after', async () => {
    await place.setDown(true);
    for (let count = 0; count < 2; count += 1) {
      await aLook();
      expect(await leadsTo(worker)).toBe(`302 ${downloads.origin}/v3/a%2Fb`);
    }
    await place.put(rulesTo('v4'));
    await place.setDown(false);
    await expect.poll(() => leadsTo(worker), inTime).toBe(`302 ${downloads.origin}/v4/a%2Fb`);
  });
});
