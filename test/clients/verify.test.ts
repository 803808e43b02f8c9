import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Parser } from 'htmlparser2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { turnoutProgram } from './build.ts';
import { createCleanup } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { createTemporaryFolder, type TemporaryFolder } from './lab/temporary-folder.ts';
import { type BlobStore, startBlobStore } from './upstreams/blob-store.ts';
import {
  createRepository,
  createRepositoryKey,
  type DebianFiles,
  startDebianRepository,
} from './upstreams/debian-repository.ts';
import { type ImageInLayout, type ImageWorkshop, openImageWorkshop } from './upstreams/image.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';
import type { NpmRecording } from './upstreams/npm-recording.ts';
import { startNpmRegistry } from './upstreams/npm-registry.ts';
import { makeDistribution, startPythonIndex } from './upstreams/python-index.ts';
import { type Registry, type RegistryKind, startRegistry } from './upstreams/registry.ts';

/** What `turnout verify` came to. */
interface Verified {
  readonly code: number;
  /** What the JSON report has. */
  readonly report: {
    readonly result: string;
    readonly counts: Readonly<Record<string, number>>;
    readonly findings: readonly {
      readonly type: string;
      readonly name: string;
      readonly what: string;
      readonly a?: string;
      readonly b?: string;
      readonly note?: string;
    }[];
  };
  /** The findings, each as `type name: what`. */
  readonly told: readonly string[];
  /** The results of the cases of the JUnit report, by their names. */
  readonly cases: Readonly<Record<string, string>>;
  readonly output: string;
}

const cleanup = createCleanup();
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await cleanup.use(createTemporaryFolder());
});
afterAll(() => cleanup.run());

/** Runs the built program on one rule. */
async function verify(rule: readonly string[], ...args: readonly string[]): Promise<Verified> {
  const lines = rule.map((line) => `    ${line}\n`).join('');
  await writeFile(
    join(folder.path, 'turnout.yaml'),
    `rules:\n  - name: acme\n    host: get.acme.dev\n${lines}`,
  );
  const junit = join(folder.path, 'junit.xml');
  await rm(junit, { force: true });
  // The exit code comes with the output, as the shell of a pipeline sees it.
  const script = '"$@"; echo "exit $?"';
  const command = [process.execPath, turnoutProgram, 'verify', '--rule', 'acme', '--json', '--junit', junit];
  const { stdout, output } = await run('sh', ['-c', script, 'sh', ...command, ...args], { cwd: folder.path });
  const [, text = '', code = ''] = /^(.*)exit (\d+)\n$/s.exec(stdout) ?? [];
  expect(text, output).toMatch(/^\{/);
  const report = JSON.parse(text) as Verified['report'];
  const told = report.findings.map(({ type, name, what }) => `${type} ${name}: ${what}`).toSorted();
  return { code: Number(code), report, told, cases: readCases(await readFile(junit, 'utf8')), output };
}

function readCases(xml: string): Record<string, string> {
  const cases: Record<string, string> = {};
  let name = '';
  const parser = new Parser(
    {
      onopentag(tag, attributes) {
        if (tag === 'testcase') name = attributes.name ?? '';
        if (tag === 'testcase') cases[name] = 'passed';
        if (tag === 'failure' || tag === 'error') cases[name] = `${tag}: ${attributes.message}`;
      },
    },
    { xmlMode: true },
  );
  parser.end(xml);
  return cases;
}

describe('two docker-registries', () => {
  let workshop: ImageWorkshop;
  let stores: Readonly<Record<'a' | 'b', ImageStore>>;
  let blobStore: BlobStore;
  let images: Readonly<Record<'v1' | 'v2' | 'multi', ImageInLayout>>;

  beforeAll(async () => {
    workshop = await openImageWorkshop(folder.path);
    stores = {
      a: await cleanup.use(createImageStore(folder.path)),
      b: await cleanup.use(createImageStore(folder.path)),
    };
    blobStore = await cleanup.use(startBlobStore());
    images = {
      v1: await workshop.make('v1'),
      v2: await workshop.make('v2'),
      multi: await workshop.makeMultiPlatform('multi'),
    };
    for (const [tag, image] of Object.entries(images)) {
      await stores.a.push(image, 'acme-inc/app', tag);
      await stores.b.push(image, 'moved/app', tag);
    }
  });

  const start = (side: 'a' | 'b', kind: RegistryKind): Promise<Registry> =>
    cleanup.use(
      startRegistry(kind, { store: stores[side], blobStore, delivery: 'absolute', tagsPerPage: 2 }),
    );

  function ruleOf(a: Registry, b: Registry): readonly string[] {
    const { username, password } = b.credentials ?? {};
    const auth = username === undefined ? '' : `, auth: { username: ${username}, password: "${password}" }`;
    const to = [`{ url: "${a.origin}/acme-inc/*image" }`, `{ url: "${b.origin}/moved/*image"${auth} }`];
    return ['protocol: oci', 'match: acme/*image', 'to:', ...to.map((each) => `  - ${each}`)];
  }

  test.each(['anonymous', 'strict', 'basic', 'private'] as const)(
    'are the same, whatever the second asks for: %s',
    async (kind) => {
      const [a, b] = [await start('a', 'lenient'), await start('b', kind)];
      const { code, report, told, cases, output } = await verify(ruleOf(a, b), '--name', 'acme/app');
      expect(told).toEqual([]);
      expect([code, report.result, report.counts.checked]).toEqual([0, 'same', 3]);
      expect(cases).toEqual({ '3 names are the same': 'passed' });
      expect(a.foreignCredentials()).toEqual([]);
      expect(b.foreignCredentials()).toEqual([]);
      if (b.credentials) expect(output).not.toContain(b.credentials.password);
    },
  );

  test('differ in a tag and a layer, which is told with both values', async () => {
    const other = await workshop.make('other');
    await stores.b.push(other, 'moved/app', 'v2');
    const layer = images.v1.blobs[1] ?? '';
    const links = 'docker/registry/v2/repositories/moved/app/_layers/sha256';
    await rm(join(stores.b.folder, links, layer.slice('sha256:'.length)), { recursive: true });
    const [a, b] = [await start('a', 'anonymous'), await start('b', 'strict')];
    const { code, told, report, cases } = await verify(ruleOf(a, b), '--name', 'acme/app');
    expect(code).toBe(1);
    expect(told).toEqual(['differs acme/app:v2: digest', `missing acme/app:v1: layer ${layer}`]);
    const [difference] = report.findings.filter(({ type }) => type === 'differs');
    expect(difference).toMatchObject({
      a: images.v2.digest,
      b: other.digest,
      // Its manifest is there from before, without a tag.
      note: expect.stringContaining('there under another tag'),
    });
    expect(cases).toEqual({
      '1 names are the same': 'passed',
      'acme/app:v2: digest': expect.stringMatching(/^failure: A sha256:/),
      [`acme/app:v1: layer ${layer}`]: 'failure: missing at B',
    });
  });

  test('are not the same when the second is not let in', async () => {
    const [a, b] = [await start('a', 'anonymous'), await start('b', 'private')];
    const rule = ruleOf(a, b).map((line) => line.replace(/, auth: .*\} \}/, ' }'));
    const { code, told, cases } = await verify(rule, '--name', 'acme/app');
    expect(code).toBe(2);
    expect(told).toHaveLength(3);
    expect(cases['acme/app:multi: all']).toMatch(/^error: B answers 401$/);
  });
});

describe('two apt repositories', () => {
  test('are the same, or have another Origin, at which apt stops', async () => {
    const key = await cleanup.use(createRepositoryKey());
    const packages = [
      { name: 'c++tool', version: '1:1.0~rc1+b1', shown: '1:1.0~rc1+b1' },
      { name: 'libtool-data', version: '2:1.0', shown: '2%3a1.0', component: 'extra' },
    ];
    const files = await createRepository(packages, key);
    const serve = (address: string, base: string, from: DebianFiles) =>
      cleanup.use(startDebianRepository(address, base, from));
    const [a, same] = [await serve('127.0.0.2', '/deb', files), await serve('127.0.0.3', '/apt/acme', files)];
    const rule = ['protocol: apt', 'at: /deb/', `to: ${a.origin}/deb`];
    const good = await verify(rule, '--to', `${same.origin}/apt/acme`, '--name', 'stable');
    expect(good.told).toEqual([]);
    expect(good.code).toBe(0);

    const release =
      files.get('/dists/stable/Release')?.toString().replace('Origin: Acme', 'Origin: Acme Inc') ?? '';
    const { inRelease } = await key.sign(release);
    const other = new Map([...files, ['/dists/stable/InRelease', Buffer.from(inRelease)] as const]);
    other.delete('/pool/extra/l/libtool-data/libtool-data_2%3a1.0_all.deb');
    const b = await serve('127.0.0.3', '/apt/acme', other);
    const bad = await verify(rule, '--to', `${b.origin}/apt/acme`, '--name', 'stable');
    expect(bad.code).toBe(1);
    expect(bad.told).toEqual([
      'differs stable: Origin',
      'missing stable libtool-data_2%253a1.0_all.deb: package',
    ]);
    expect(bad.report.findings.find(({ what }) => what === 'Origin')).toMatchObject({
      a: 'Acme',
      b: 'Acme Inc',
      note: '`apt update` stops at every user',
    });
  });
});

describe('two npm registries', () => {
  test('are the same in another layout, or have another integrity and lack a tarball', async () => {
    const record = (integrity: string, gone?: string): NpmRecording => {
      const versions = ['1.0.0', '1.1.0'];
      const entry = (version: string) => ({
        name: '@acme/cli',
        version,
        dist: { tarball: '', shasum: 'abc', integrity: version === '1.1.0' ? integrity : 'sha512-one' },
      });
      const packument = {
        name: '@acme/cli',
        'dist-tags': { latest: '1.1.0' },
        versions: Object.fromEntries(versions.map((version) => [version, entry(version)])),
      };
      const tarballs = versions.filter((version) => version !== gone);
      return {
        packuments: new Map([['@acme/cli', packument]]),
        tarballs: new Map(tarballs.map((version) => [`@acme/cli@${version}`, Buffer.from(`of ${version}`)])),
      };
    };
    const a = await cleanup.use(startNpmRegistry(record('sha512-two'), 'conventional'));
    const same = await cleanup.use(startNpmRegistry(record('sha512-two'), 'own'));
    const b = await cleanup.use(startNpmRegistry(record('sha512-other', '1.0.0'), 'own'));
    const rule = ['protocol: npm', 'at: /npm/', `to: ${a.origin}`];
    const good = await verify(rule, '--to', same.origin, '--name', '@acme/cli');
    expect([good.told, good.code]).toEqual([[], 0]);
    const bad = await verify(rule, '--to', b.origin, '--name', '@acme/cli');
    expect([bad.told, bad.code]).toEqual([
      ['differs @acme/cli@1.1.0: dist.integrity', 'missing @acme/cli@1.0.0: tarball'],
      1,
    ]);
  });
});

describe('two Python indexes', () => {
  test('are the same at another path, or have another wheel', async () => {
    const wheel = makeDistribution({ name: 'acme-cli', version: '1.0' });
    const sdist = makeDistribution({ name: 'acme-cli', version: '1.0', kind: 'sdist' });
    const rebuilt = makeDistribution({ name: 'acme-cli', version: '1.0', requires: ['acme-base'] });
    const start = (address: string, base: string) =>
      cleanup.use(startPythonIndex({ address, base, layout: 'api' }));
    const [a, same, b] = [
      await start('127.0.0.2', '/'),
      await start('127.0.0.3', '/root/pypi/'),
      await start('127.0.0.3', '/'),
    ];
    a.add(wheel, sdist);
    same.add(wheel, sdist);
    b.add(rebuilt, sdist);
    const rule = ['protocol: pypi', 'at: /pypi/', `to: ${a.url}`];
    const good = await verify(rule, '--to', same.url, '--name', 'Acme_CLI');
    expect([good.told, good.code]).toEqual([[], 0]);
    const bad = await verify(rule, '--to', b.url, '--name', 'acme-cli');
    const name = `acme-cli/${wheel.file}`;
    expect(bad.code).toBe(1);
    expect(bad.told).toContain(`differs ${name}: sha256`);
    expect(bad.told.every((line) => line.includes(name))).toBe(true);
  });
});
