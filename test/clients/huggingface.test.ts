import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  downloadFile,
  fileDownloadInfo,
  listFiles,
  type RepoDesignation,
  snapshotDownload,
  uploadFile,
} from '@huggingface/hub';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { COMMIT, LARGE, SMALL, startHub, startStore } from './upstreams/hugging-face-hub.ts';

const TOKEN = 'hf_lab';
const cleanup = createCleanup();
let hubs: Readonly<Record<'first' | 'other' | 'dataset' | 'private', RecordingServer>>;
let stores: Readonly<Record<'first' | 'other', RecordingServer>>;

beforeAll(async () => {
  const start = (layout: Parameters<typeof startHub>[0]) => cleanup.use(startHub(layout));
  stores = {
    first: await cleanup.use(startStore('127.0.0.3')),
    other: await cleanup.use(startStore('127.0.0.3')),
  };
  const address = '127.0.0.2';
  hubs = {
    first: await start({ address, repository: 'models/acme/tiny', store: stores.first }),
    other: await start({
      address: '127.0.0.3',
      base: '/api/huggingface/hub',
      repository: 'models/acme-inc/tiny-2',
      store: stores.other,
    }),
    dataset: await start({ address, repository: 'datasets/acme-inc/reviews', store: stores.other }),
    private: await start({ address, repository: 'models/acme/tiny', token: TOKEN, store: stores.first }),
  };
});
beforeEach(() => {
  for (const server of [...Object.values(hubs), ...Object.values(stores)]) server.forget();
});
afterAll(() => cleanup.run());

function start(to: string, more = '', match = 'acme/tiny'): Promise<Turnout> {
  const rule = `rules:\n  - name: model\n    protocol: huggingface\n    at: /hf/\n    match: ${match}\n    to: ${to}\n${more}`;
  return cleanup.use(startTurnout(rule));
}

/** What a client of a gateway is told. */
const on = ({ origin }: Turnout, repo: RepoDesignation = 'acme/tiny') => ({ repo, hubUrl: `${origin}/hf` });

async function list(turnout: Turnout, repo?: RepoDesignation): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of listFiles({ ...on(turnout, repo), recursive: true })) paths.push(path);
  return paths;
}

async function download(turnout: Turnout, path: string, more: object = {}): Promise<Buffer | undefined> {
  const file = await downloadFile({ ...on(turnout), path, ...more });
  return file ? Buffer.from(await file.arrayBuffer()) : undefined;
}

const FILES = ['config.json', 'onnx', 'onnx/model.bin'];

describe.each(['auto', 'redirect', 'proxy'])('in mode %s', (mode) => {
  test('@huggingface/hub lists and downloads through the gateway, also after a switch', async () => {
    const turnout = await start(`${hubs.first.origin}/acme/tiny`, `    mode: ${mode}\n`);
    for (const [hub, store] of [
      [hubs.first, stores.first],
      [hubs.other, stores.other],
    ] as const) {
      if (hub === hubs.other) {
        const place = `${hub.origin}/api/huggingface/hub/acme-inc/tiny-2`;
        await turnout.edit(`to: ${hubs.first.origin}/acme/tiny`, `to: ${place}`);
        for (const server of [hubs.first, stores.first]) server.forget();
      }
      turnout.forget();
      expect(await list(turnout)).toEqual(FILES);
      // Each page was asked for here.
      await turnout.waitForAccess(({ path }) => path.includes('cursor=2'));
      const pages = turnout.access().filter(({ path }) => path.includes('/tree/main'));
      expect(pages).toHaveLength(FILES.length);
      expect(pages.every(({ path }) => path.startsWith('/hf/api/models/acme/tiny/tree/main?'))).toBe(true);

      for (const revision of ['main', COMMIT]) {
        expect(await download(turnout, 'config.json', { revision })).toEqual(SMALL);
        expect(await download(turnout, 'onnx/model.bin', { revision })).toEqual(LARGE);
      }
      const whole = await downloadFile({ ...on(turnout), path: 'onnx/model.bin' });
      const part = (await whole?.slice(50_000, 50_010).arrayBuffer()) ?? new ArrayBuffer();
      expect(Buffer.from(part)).toEqual(LARGE.subarray(50_000, 50_010));
      expect((await download(turnout, 'onnx/model.bin', { raw: true }))?.toString()).toMatch(
        /^version .*\noid /,
      );

      const { status } = await turnout.waitForAccess(({ path }) =>
        path.endsWith(`/hf/acme/tiny/resolve/${COMMIT}/onnx/model.bin`),
      );
      expect(status).toBe(mode === 'proxy' ? 206 : 302);
      expect(served(store.requests).length).toBeGreaterThan(0);
      // Who asks the store: the gateway says `Via` to it.
      expect(store.requests.every(({ headers }) => (headers.via !== undefined) === (mode === 'proxy'))).toBe(
        true,
      );
    }
    expect([...hubs.first.requests, ...stores.first.requests]).toEqual([]);
  });
});

test('a snapshot has all files, of the commit that it asked for first', async () => {
  const turnout = await start(`${hubs.other.origin}/api/huggingface/hub/acme-inc/tiny-2`);
  const { path } = await cleanup.use(createTemporaryFolder());
  const folder = await snapshotDownload({ ...on(turnout), cacheDir: path });
  expect(folder).toBe(join(path, 'models--acme--tiny', 'snapshots', COMMIT));
  expect(await readFile(join(folder, 'config.json'))).toEqual(SMALL);
  expect(await readFile(join(folder, 'onnx/model.bin'))).toEqual(LARGE);
});

test('a dataset has its own rule', async () => {
  const repo = { type: 'dataset', name: 'acme/reviews' } as const;
  const turnout = await start(
    `${hubs.dataset.origin}/datasets/acme-inc/reviews`,
    '',
    'datasets/acme/reviews',
  );
  expect(await list(turnout, repo)).toEqual(FILES);
  expect(await download(turnout, 'onnx/model.bin', { repo })).toEqual(LARGE);
  expect(served(hubs.dataset.requests)).toContain('/datasets/acme-inc/reviews/resolve/main/onnx/model.bin');
});

test('a file in chunks has the address of its token here', async () => {
  const turnout = await start(`${hubs.other.origin}/api/huggingface/hub/acme-inc/tiny-2`);
  const info = await fileDownloadInfo({ ...on(turnout), path: 'onnx/model.bin', noContentDisposition: true });
  expect(info?.size).toBe(LARGE.length);
  expect(info?.xet?.refreshUrl.href).toBe(
    `${turnout.origin}/hf/api/models/acme/tiny/xet-read-token/${COMMIT}`,
  );
  expect(info?.xet?.reconstructionUrl.href).toBe('https://cas.example/v1/reconstructions/ab');
});

test.each(['auto', 'proxy'])(
  'a private model is served with the gateway’s token, in mode %s',
  async (mode) => {
    const to = `${hubs.private.origin}/acme/tiny`;
    const turnout = await start(to, `    mode: ${mode}\n    auth: { token: ${TOKEN} }\n`);
    expect(await list(turnout)).toEqual(FILES);
    expect(await download(turnout, 'config.json')).toEqual(SMALL);
    expect(await download(turnout, 'onnx/model.bin')).toEqual(LARGE);
    expect(stores.first.requests.every(({ authorization }) => authorization === 'none')).toBe(true);
  },
);

test('a private model is served with the client’s own token, and to nobody without', async () => {
  const turnout = await start(`${hubs.private.origin}/acme/tiny`, '    auth: client\n');
  for (const path of ['config.json', 'onnx/model.bin']) {
    const expected = path === 'config.json' ? SMALL : LARGE;
    expect(await download(turnout, path, { accessToken: TOKEN })).toEqual(expected);
    await expect(download(turnout, path)).rejects.toThrow(/Access to this repository is restricted/);
  }
});

test('clients say why there is nothing', async () => {
  const turnout = await start(`${hubs.first.origin}/acme/tiny`);
  expect(await download(turnout, 'none.json')).toBeUndefined();
  await expect(download(turnout, 'x', { repo: 'acme/none' })).rejects.toThrow(/No rule has this address/);
  const file = { path: 'x', content: new Blob(['x']) };
  await expect(uploadFile({ ...on(turnout), file, accessToken: TOKEN })).rejects.toThrow(
    /Nothing is changed here/,
  );
  const down = await start('http://127.0.0.2:9/acme/tiny');
  await expect(download(down, 'config.json')).rejects.toThrow(/The upstream .*URL/);
  await expect(list(down)).rejects.toThrow(/The upstream /);
});
