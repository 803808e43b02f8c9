import { appendFile, cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { runChecked } from './lab/command.ts';
import { freePort } from './lab/free-port.ts';
import { served } from './lab/recording-server.ts';
import { makeRpmDebian, type RpmSystem, rpmClients } from './programs/rpm-clients.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import {
  createRpmMaker,
  findIndexFile,
  type RpmMaker,
  type RpmOrigin,
  startRpmOrigin,
} from './upstreams/rpm-repository.ts';

/** A name and a version with all the signs that clients escape, each in a way of its own. */
const SIGNS = { name: 'acme-c++', version: '2.0~rc1^git5' };
const NEWER = { name: 'acme-c++', version: '2.0' };
const OTHER = { name: 'acme-tool', version: '1.0' };
const CREDENTIALS = { username: 'gateway', password: 'only-it-knows' };

const cleanup = createCleanup();
const fedora = { first: 'pub/42/x86_64', moved: 'artifactory/acme/x86_64/f42' };
let maker: RpmMaker;
let stranger: RpmMaker;
let first: RpmOrigin;
let moved: RpmOrigin;
let hidden: RpmOrigin;

beforeAll(async () => {
  await makeRpmDebian();
  maker = await cleanup.use(createRpmMaker());
  stranger = await cleanup.use(createRpmMaker());
  first = await cleanup.use(startRpmOrigin('127.0.0.2'));
  moved = await cleanup.use(startRpmOrigin('127.0.0.3'));
  hidden = await cleanup.use(startRpmOrigin('127.0.0.2', CREDENTIALS));
  for (const folder of [join(first.folder, fedora.first), join(first.folder, 'el')]) {
    await maker.build(folder, SIGNS);
    await maker.build(folder, OTHER);
    await maker.index(folder);
  }
  await publish(join(first.folder, 'el'), join(hidden.folder, 'private'));
  await publish(join(first.folder, fedora.first), join(moved.folder, fedora.moved));
  await maker.build(join(moved.folder, fedora.moved), NEWER);
  await maker.index(join(moved.folder, fedora.moved), { zchunk: true });
});
beforeEach(() => {
  for (const origin of [first, moved, hidden]) {
    origin.fail(undefined);
    origin.forget();
  }
});
afterAll(() => cleanup.run());

async function publish(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true });
}

/** A copy of a repository for one test, which that may change. */
async function copyOf(origin: RpmOrigin, name: string, from = 'el'): Promise<string> {
  const folder = join(origin.folder, name);
  await publish(join(first.folder, from), folder);
  return folder;
}

/** Starts Turnout on a rule whose key is served beside it. */
async function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const key = await cleanup.use(startRpmOrigin('127.0.0.3'));
  await appendFile(join(key.folder, 'acme.asc'), maker.key);
  const lines = ['name: acme', 'protocol: rpm', 'at: /rpm/', `to: ${to}`, ...more];
  const options = [`key: ${key.origin}/acme.asc`, 'repo_gpgcheck: true'].map((line) => `  ${line}`);
  const rule = [...lines, 'options:', ...options].map(
    (line, index) => `  ${index === 0 ? '- ' : '  '}${line}`,
  );
  const env = { RPM_PASSWORD: CREDENTIALS.password };
  return cleanup.use(startTurnout(['rules:', ...rule, ''].join('\n'), { env }));
}

/** Runs what the page of the protocol has for it: shows the hosts that an index names. */
async function findBases(repository: string): Promise<string> {
  const page = await readFile('docs/protocols/rpm.md', 'utf8');
  const [, command = 'false'] = /^ *(curl -sL \$url.*)$/m.exec(page) ?? [];
  return runChecked('sh', ['-c', `url=${repository}\n${command}`]);
}

/** The packages that were asked of the gateway, and not refused. */
function packagesOf({ access }: Turnout): string[] {
  const paths = access().filter(({ method, status }) => method === 'GET' && status < 400);
  return paths.map(({ path }) => path).filter((path) => path.endsWith('.rpm'));
}

function pathsOf(origin: RpmOrigin): string {
  return served(origin.requests).join('\n');
}

describe.each(rpmClients)('$title', ({ kind, createSystem }) => {
  /** A system that has the repository of the gateway. */
  async function createUser({ origin }: Turnout): Promise<RpmSystem> {
    const system = await cleanup.use(createSystem());
    await system.add(`${origin}/rpm/acme.repo`);
    return system;
  }

  describe.each(['auto', 'proxy'])('in mode %s', (mode) => {
    const pattern = ['match: /fedora/:releasever/:basearch/*path', `mode: ${mode}`];
    const to = (): string => `${first.origin}/pub/:releasever/:basearch/*path`;
    const elsewhere = (): string => `${moved.origin}/artifactory/acme/:basearch/f:releasever/*path`;

    test('installs by the `.repo` file, signatures checked, and follows the one line that is edited', async () => {
      const turnout = await start(to(), ...pattern);
      const system = await createUser(turnout);
      const installed = await system.install(SIGNS.name);
      expect(installed.ok, installed.output).toBe(true);
      expect(await system.versionOf(SIGNS.name)).toBe(SIGNS.version);
      expect(packagesOf(turnout)).toEqual([
        expect.stringMatching(/^\/rpm\/fedora\/42\/x86_64\/acme-c.*2\.0~rc1%5[Ee]git5-1\.noarch\.rpm$/),
      ]);
      const asked = turnout.access().filter(({ path }) => path.endsWith('.rpm'));
      expect(asked.at(-1)?.type).toBe(mode === 'proxy' ? 'proxy' : 'redirect');
      // Byte for byte, however a client escapes.
      const below = packagesOf(turnout)[0]?.replace('/rpm/fedora/', '/pub/');
      expect(pathsOf(first)).toContain(below);
      expect(pathsOf(first)).toContain('/pub/42/x86_64/repodata/repomd.xml.asc');
      expect(turnout.access().some(({ path }) => path === '/rpm/acme.repo.key')).toBe(true);

      // The cache of the client is as it was.
      await turnout.edit(`to: ${to()}`, `to: ${elsewhere()}`);
      first.forget();
      const more = await system.install(OTHER.name);
      expect(more.ok, more.output).toBe(true);
      expect(await system.versionOf(OTHER.name)).toBe(OTHER.version);
      expect(pathsOf(moved)).toContain('/artifactory/acme/x86_64/f42/acme-tool-1.0-1.noarch.rpm');

      const upgraded = await system.upgrade(SIGNS.name);
      expect(upgraded.ok, upgraded.output).toBe(true);
      expect(await system.versionOf(SIGNS.name), upgraded.output).toBe(NEWER.version);

      // And with no cache at all.
      await system.clean();
      moved.forget();
      const anew = await createUser(turnout);
      const again = await anew.install(SIGNS.name);
      expect(again.ok, again.output).toBe(true);
      expect(await anew.versionOf(SIGNS.name)).toBe(NEWER.version);
      expect(pathsOf(moved)).toContain('/repodata/repomd.xml');
      expect(first.requests).toEqual([]);
    });
  });

  test('upgrades to what has been published since', async () => {
    const folder = await copyOf(first, `upgrade-${kind}`);
    const turnout = await start(`${first.origin}/upgrade-${kind}`);
    const system = await createUser(turnout);
    expect((await system.install(SIGNS.name)).ok).toBe(true);
    await maker.build(folder, NEWER);
    await maker.index(folder, { plain: true, key: true });
    const upgraded = await system.upgrade(SIGNS.name);
    expect(upgraded.ok, upgraded.output).toBe(true);
    expect(await system.versionOf(SIGNS.name), upgraded.output).toBe(NEWER.version);
    expect(packagesOf(turnout)).toHaveLength(2);
  });

  test('installs from a private repository, whose credential only the gateway has', async () => {
    const auth = `auth: { username: ${CREDENTIALS.username}, password: "\${RPM_PASSWORD}" }`;
    const turnout = await start(`${hidden.origin}/private`, auth);
    const system = await createUser(turnout);
    const installed = await system.install(SIGNS.name);
    expect(installed.ok, installed.output).toBe(true);
    expect(packagesOf(turnout)).toHaveLength(1);
    expect(hidden.requests.every(({ authorization }) => authorization === 'basic')).toBe(true);
    const repository = turnout.access().filter(({ path }) => !path.includes('.repo'));
    expect(new Set(repository.map(({ type }) => type))).toEqual(new Set(['proxy']));

    const closed = await start(`${hidden.origin}/private`);
    const refused = await (await createUser(closed)).install(SIGNS.name);
    expect(refused.ok, refused.output).toBe(false);
  });

  describe('of two upstreams', () => {
    const both = (second: string): string =>
      `[${first.origin}/two-${kind}, ${moved.origin}/${second}-${kind}]`;

    test('the second has what the checksums of the first name', async () => {
      await copyOf(first, `two-${kind}`);
      await copyOf(moved, `same-${kind}`);
      const turnout = await start(both('same'), 'mode: proxy');
      const system = await createUser(turnout);
      first.fail((path) => !/\/repodata\/repomd\.xml/.test(path));
      const installed = await system.install(SIGNS.name);
      expect(installed.ok, installed.output).toBe(true);
      expect(pathsOf(first)).toContain('repomd.xml');
      expect(pathsOf(moved)).not.toContain('repomd.xml');
      expect(pathsOf(moved)).toContain('.rpm');
    });

    test('the one of before has what a client asks for whose cache is from before a move', async () => {
      await copyOf(first, `before-${kind}`);
      const after = await copyOf(moved, `after-${kind}`);
      await rm(join(after, 'acme-tool-1.0-1.noarch.rpm'));
      await maker.index(after);
      const before = `${first.origin}/before-${kind}`;
      const turnout = await start(before, 'mode: proxy');
      const system = await createUser(turnout);
      expect((await system.install(SIGNS.name)).ok).toBe(true);
      await turnout.edit(`to: ${before}`, `to: [${moved.origin}/after-${kind}, ${before}]`);
      first.forget();
      const installed = await system.install(OTHER.name);
      expect(installed.ok, installed.output).toBe(true);
      expect(pathsOf(first)).toContain('acme-tool-1.0-1.noarch.rpm');
      // News come from the first alone.
      const failed = await (await createUser(turnout)).install(OTHER.name);
      expect(failed.ok, failed.output).toBe(false);
    });

    test('no client gets half of one and half of the other', async () => {
      const folder = await copyOf(first, `two-${kind}`);
      await maker.index(folder, { plain: true });
      const second = await copyOf(moved, `plain-${kind}`);
      await maker.build(second, NEWER);
      await maker.index(second, { plain: true });
      const turnout = await start(both('plain'), 'mode: proxy');
      const system = await createUser(turnout);
      first.fail((path) => !/\/repodata\/repomd\.xml/.test(path));
      const failed = await system.install(SIGNS.name);
      expect(await system.versionOf(SIGNS.name), failed.output).toBeUndefined();
      expect(pathsOf(moved)).not.toContain('primary.xml');
      // As soon as the index comes from the second, everything does.
      first.fail(() => true);
      await system.clean();
      const installed = await system.install(SIGNS.name);
      expect(installed.ok, installed.output).toBe(true);
      expect(await system.versionOf(SIGNS.name)).toBe(NEWER.version);
    });
  });

  describe('what goes wrong', () => {
    test('a package that is not there', async () => {
      const system = await createUser(await start(`${first.origin}/el`));
      const failed = await system.install('acme-none');
      expect(failed.ok).toBe(false);
      expect(failed.output).toMatch(/acme-none/);
    });

    test('a repository that is down', async () => {
      const turnout = await start(`http://127.0.0.2:${await freePort('127.0.0.2')}/el`, 'mode: proxy');
      const failed = await (await createUser(turnout)).install(SIGNS.name);
      expect(failed.ok).toBe(false);
      expect(failed.output).toMatch(/502|temporarily unaccessible/);
      const answer = await fetch(`${turnout.origin}/rpm/repodata/repomd.xml`);
      expect(answer.status).toBe(502);
      expect(answer.headers.get('retry-after')).not.toBeNull();
    });

    test('an index that somebody has changed', async () => {
      const folder = await copyOf(first, `tampered-${kind}`);
      await appendFile(join(folder, 'repodata/repomd.xml'), '<!-- changed -->\n');
      const system = await createUser(await start(`${first.origin}/tampered-${kind}`));
      const failed = await system.install(SIGNS.name);
      expect(await system.versionOf(SIGNS.name), failed.output).toBeUndefined();
      expect(failed.ok && kind === 'dnf').toBe(false);
      expect(failed.output).toMatch(/signature/i);
    });

    test('a package that is another than the index says', async () => {
      const folder = await copyOf(first, `swapped-${kind}`);
      await stranger.build(folder, SIGNS);
      const system = await createUser(await start(`${first.origin}/swapped-${kind}`));
      const failed = await system.install(SIGNS.name);
      expect(failed.ok).toBe(false);
      expect(failed.output).toMatch(/digest|checksum|size|Cannot download|mirrors/i);
      expect(await system.versionOf(SIGNS.name)).toBeUndefined();
    });

    // zypper does not look at the signatures of packages when the one of the index is good.
    if (kind === 'dnf')
      test('a package that a stranger has signed', async () => {
        const folder = await copyOf(first, `stranger-${kind}`);
        await stranger.build(folder, SIGNS);
        await maker.index(folder);
        const system = await createUser(await start(`${first.origin}/stranger-${kind}`));
        const failed = await system.install(SIGNS.name);
        expect(failed.ok).toBe(false);
        expect(failed.output).toMatch(/public key|signature/i);
        expect(await system.versionOf(SIGNS.name)).toBeUndefined();
      });
  });

  const way = kind === 'dnf' ? 'around the gateway' : 'through the gateway all the same';
  test(`fetches packages ${way} when the index has them at a host of its own`, async () => {
    const folder = await copyOf(first, `based-${kind}`);
    await maker.index(folder, { base: `${moved.origin}/based-${kind}/` });
    await publish(folder, join(moved.folder, `based-${kind}`));
    const turnout = await start(`${first.origin}/based-${kind}`);
    expect(await findBases(`${turnout.origin}/rpm`)).toBe(`xml:base="${moved.origin}/based-${kind}/"\n`);
    const system = await createUser(turnout);
    const installed = await system.install(OTHER.name);
    expect(installed.ok, installed.output).toBe(true);
    const file = 'acme-tool-1.0-1.noarch.rpm';
    expect(packagesOf(turnout)).toEqual(kind === 'dnf' ? [] : [`/rpm/${file}`]);
    expect(pathsOf(kind === 'dnf' ? moved : first)).toContain(`/based-${kind}/${file}`);
  });

  test('a list of mirrors leads to the gateway and nowhere else', async () => {
    const turnout = await start(`${first.origin}/el`);
    const system = await cleanup.use(createSystem());
    const list = `mirrorlist=${turnout.origin}/rpm/mirrorlist`;
    const key = `gpgkey=${turnout.origin}/rpm/acme.repo.key`;
    await system.put('acme', `[acme]\nname=acme\n${list}\ngpgcheck=1\n${key}\n`);
    const installed = await system.install(SIGNS.name);
    expect(installed.ok, installed.output).toBe(true);
    expect(packagesOf(turnout)).toHaveLength(1);
  });
});

test('zchunk: a part of an index is what the upstream sends of it', async () => {
  const folder = join(moved.folder, fedora.moved);
  const name = await findIndexFile(folder, 'primary.xml.zck');
  for (const mode of ['auto', 'proxy']) {
    const turnout = await start(`${moved.origin}/${fedora.moved}`, `mode: ${mode}`);
    const url = `${turnout.origin}/rpm/repodata/${name}`;
    const answer = await fetch(url, { headers: { range: 'bytes=0-3' } });
    expect(answer.status).toBe(206);
    // The format of zchunk, "Lead".
    expect(Buffer.from(await answer.arrayBuffer()).toString('latin1')).toBe('\0ZCK');
  }
});
