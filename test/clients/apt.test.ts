import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { type AptSystem, createAptSystem } from './programs/apt.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import {
  createFlatRepository,
  createRepository,
  createRepositoryKey,
  type DebianFiles,
  type DebianPackage,
  type DebianRepository,
  type RepositoryKey,
  startDebianRepository,
} from './upstreams/debian-repository.ts';

const credentials = { username: 'robot', password: 's3cret' };
/** Names with what apt escapes, an epoch in the name of a file, and the escape that `dpkg-name` writes for one. */
const tool: DebianPackage = {
  name: 'c++tool',
  version: '1:1.0~rc1+b1',
  shown: '1:1.0~rc1+b1',
  needs: 'libtool-data (>= 2:0.9)',
};
const data: DebianPackage = {
  name: 'libtool-data',
  version: '2:1.0',
  shown: '2%3a1.0',
  component: 'extra',
};
const newer: DebianPackage = { ...tool, version: '1:1.0+b2', shown: '1:1.0+b2' };
const TOOL = '/pool/main/c/c++tool/c%2b%2btool_1%3a1.0%7erc1%2bb1_all.deb';
const NEWER = '/pool/main/c/c++tool/c%2b%2btool_1%3a1.0%2bb2_all.deb';

const cleanup = createCleanup();
let key: RepositoryKey;
let files: Readonly<Record<'first' | 'second' | 'flat' | 'flatSecond', DebianFiles>>;

beforeAll(async () => {
  key = await cleanup.use(createRepositoryKey());
  files = {
    first: await createRepository([tool, data], key),
    second: await createRepository([tool, newer, data], key),
    flat: await createFlatRepository([tool, data], key),
    flatSecond: await createFlatRepository([newer, data], key),
  };
});
afterAll(() => cleanup.run());

const startRepository = (
  address: string,
  base: string,
  from: DebianFiles,
): Promise<DebianRepository> => cleanup.use(startDebianRepository(address, base, from));

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['protocol: apt', 'at: /deb/', `to: ${to}`, ...more].map((line) => `    ${line}\n`);
  return cleanup.use(startTurnout(`rules:\n  - name: debian\n${lines.join('')}`));
}

const createSystem = (): Promise<AptSystem> => cleanup.use(createAptSystem());

async function addSource(system: AptSystem, { origin }: Turnout, name = 'stable'): Promise<void> {
  await system.write('etc/apt/keyrings/acme.asc', key.armored);
  await system.write('etc/apt/sources.list', `deb [signed-by=/etc/apt/keyrings/acme.asc] ${origin}/deb stable main extra\n`);
}

test('x', async () => {
  const r = await startRepository('127.0.0.2', '/acme', files.first);
  const turnout = await start(`${r.origin}/acme`);
  const system = await createSystem();
  console.log(await (await fetch(`${turnout.origin}/deb/dists/stable.sources`)).text());
  const src = await (await fetch(`${turnout.origin}/deb/dists/stable.sources`)).text();
  await system.write('etc/apt/sources.list.d/acme.sources', `${src}Signed-By:\n${key.armored.trimEnd().split('\n').map((l) => ` ${l || '.'}`).join('\n')}\n`);
  let ran = await system.aptGet('update');
  console.log(ran.output);
  console.log(turnout.access().map((a) => `${a.status} ${a.path}`), served(r.requests));
  turnout.forget(); r.forget();
  ran = await system.aptGet('install', 'c++tool');
  console.log(ran.output, await system.read('usr/share/c++tool'));
  console.log(turnout.access().map((a) => `${a.status} ${a.path} ${a.location}`), r.requests.map(x=>x.url));
});
