import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import type { Stoppable } from '../lab/cleanup.ts';
import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { type Credentials, isBasic } from './credentials.ts';

/** The files of a repository by their paths, which start with a slash. */
export type DebianFiles = ReadonlyMap<string, Buffer>;

/** A package; what it installs is `/usr/share/<name>`, a line with its version. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** @default main */
  readonly component?: string;
  /** @default all */
  readonly architecture?: string;
  /** @default none */
  readonly needs?: string;
  /** The version in the name of its file. @default the version without its epoch */
  readonly shown?: string;
}

/** A key that signs repositories. */
export interface RepositoryKey extends Stoppable {
  /** The public key, in armor. */
  readonly armored: string;
  /** The public key, as bytes. */
  readonly binary: Buffer;
  /** Signs a `Release`: its `InRelease`, and its `Release.gpg`. */
  sign(release: string): Promise<{ readonly inRelease: string; readonly signature: string }>;
}

/** A repository that is served. */
export interface DebianRepository extends RecordingServer {
  /** Serves other files from now on. */
  publish(files: DebianFiles): void;
  /** Serves this one more file, and then drops every connection. */
  dieAfter(path: string): void;
}

/** Makes a key of its own. */
export async function createRepositoryKey(): Promise<RepositoryKey> {
  const { path: home, stop } = await createTemporaryFolder();
  const gpg = (...args: string[]): Promise<string> =>
    runChecked('gpg', ['--batch', '--quiet', '--homedir', home, ...args]);
  await gpg('--passphrase', '', '--quick-gen-key', 'Lab <lab@acme.example>', 'ed25519', 'sign', 'never');
  await gpg('--output', join(home, 'key.gpg'), '--export');
  return {
    armored: await gpg('--armor', '--export'),
    binary: await readFile(join(home, 'key.gpg')),
    async sign(release) {
      const file = join(home, 'Release');
      await writeFile(file, release);
      return {
        inRelease: await gpg('--output', '-', '--clear-sign', file),
        signature: await gpg('--armor', '--output', '-', '--detach-sign', file),
      };
    },
    async stop() {
      await runChecked('gpgconf', ['--homedir', home, '--kill', 'all']);
      await stop();
    },
  };
}

/** Makes a repository with the suite `stable`: a pool of packages and their sources, and indexes of each component, which clients ask for by their hashes. */
export async function createRepository(
  packages: readonly DebianPackage[],
  key: RepositoryKey,
  byHash: 'yes' | 'no' = 'yes',
): Promise<DebianFiles> {
  const { path: root, stop } = await createTemporaryFolder();
  const components = [...new Set(packages.map(({ component = 'main' }) => component))];
  for (const each of packages) {
    const { name, component = 'main' } = each;
    const folder = join(root, 'pool', component, name[0] ?? '', name);
    await createPackage(each, folder);
    await createSource(each, folder);
  }
  for (const component of components) {
    const list = ['sources', `pool/${component}`];
    await writeIndex(
      join(root, 'dists/stable', component, 'source'),
      await runChecked('apt-ftparchive', list, { cwd: root }),
      'Sources',
    );
  }
  for (const [component, architecture] of components.flatMap(
    (each) =>
      [
        [each, 'amd64'],
        [each, 'arm64'],
      ] as const,
  )) {
    const folder = join(root, 'dists/stable', component, `binary-${architecture}`);
    const list = ['--arch', architecture, 'packages', `pool/${component}`];
    await writeIndex(folder, await runChecked('apt-ftparchive', list, { cwd: root }));
  }
  const fields = [
    'Suite=stable',
    'Codename=acme',
    'Origin=Acme',
    `Components=${components.join(' ')}`,
    'Architectures=amd64 arm64',
    `Acquire-By-Hash=${byHash}`,
  ].flatMap((field) => ['-o', `APT::FTPArchive::Release::${field}`]);
  const suite = join(root, 'dists/stable');
  await writeRelease(suite, await runChecked('apt-ftparchive', [...fields, 'release', suite]), key);
  return collect(root, stop);
}

/** Makes a flat repository: its packages are beside their index. */
export async function createFlatRepository(
  packages: readonly DebianPackage[],
  key: RepositoryKey,
): Promise<DebianFiles> {
  const { path: root, stop } = await createTemporaryFolder();
  for (const each of packages) await createPackage(each, root);
  await writeFile(
    join(root, 'Packages'),
    await runChecked('apt-ftparchive', ['packages', '.'], { cwd: root }),
  );
  await writeRelease(root, await runChecked('apt-ftparchive', ['release', '.'], { cwd: root }), key);
  return collect(root, stop);
}

/** Starts a repository below a path; with credentials, it serves nothing without them. */
export async function startDebianRepository(
  address: string,
  base: string,
  first: DebianFiles,
  credentials?: Credentials,
): Promise<DebianRepository> {
  let files = first;
  let modified = tick();
  let last: string | undefined;
  let dead = false;
  const server = await startRecordingServer(address, (request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    const body = path.startsWith(`${base}/`) ? files.get(path.slice(base.length)) : undefined;
    const date = new Date(modified).toUTCString();
    if (dead) return void request.socket.destroy();
    dead = path === last;
    if (credentials && !isBasic(request.headers.authorization, credentials))
      response.writeHead(401, { 'www-authenticate': 'Basic realm="lab"' }).end();
    else if (!body) response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>');
    else if (request.headers['if-modified-since'] === date) response.writeHead(304).end();
    else response.writeHead(200, { 'content-length': body.length, 'last-modified': date }).end(body);
  });
  return {
    ...server,
    publish(others) {
      files = others;
      modified = tick();
    },
    dieAfter(path) {
      last = base + path;
    },
  };
}

let clock = Date.now();

/** A time, in milliseconds, that no other release has: clients ask with it whether there is a newer one. */
function tick(): number {
  clock += 1000;
  return clock;
}

async function createPackage(each: DebianPackage, folder: string): Promise<void> {
  const { name, version, architecture = 'all', needs, shown = version.replace(/^\d+:/, '') } = each;
  const { path: root, stop } = await createTemporaryFolder();
  await mkdir(join(root, 'package/DEBIAN'), { recursive: true });
  await mkdir(join(root, 'package/usr/share'), { recursive: true });
  await writeFile(join(root, 'package/usr/share', name), `${version}\n`);
  const fields = {
    Package: name,
    Version: version,
    Architecture: architecture,
    Maintainer: 'Lab <lab@acme.example>',
    ...(needs && { Depends: needs }),
    Description: 'What the lab installs.',
  };
  const control = Object.entries(fields).map(([field, value]) => `${field}: ${value}\n`);
  await writeFile(join(root, 'package/DEBIAN/control'), control.join(''));
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}_${shown}_${architecture}.deb`);
  // Built twice, it is the same to the byte.
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1' };
  const build = ['--root-owner-group', '-Znone', '--build', join(root, 'package'), file];
  await runChecked('dpkg-deb', build, { env });
  await stop();
}

/** Makes a source package: a description, and a tarball that it has the hash of. */
async function createSource({ name, version }: DebianPackage, folder: string): Promise<void> {
  const bare = version.replace(/^\d+:/, '');
  const tarball = gzipSync(`the source of ${name} ${version}`);
  const listed = (algorithm: string): string =>
    `\n ${createHash(algorithm).update(tarball).digest('hex')} ${tarball.length} ${name}_${bare}.tar.gz`;
  const fields = {
    Format: '3.0 (native)',
    Source: name,
    Binary: name,
    Architecture: 'all',
    Version: version,
    Maintainer: 'Lab <lab@acme.example>',
    'Checksums-Sha256': listed('sha256'),
    Files: listed('md5'),
  };
  const lines = Object.entries(fields).map(([field, value]) => `${field}: ${value}\n`);
  await writeFile(join(folder, `${name}_${bare}.dsc`), lines.join(''));
  await writeFile(join(folder, `${name}_${bare}.tar.gz`), tarball);
}

async function writeIndex(folder: string, text: string, file = 'Packages'): Promise<void> {
  for (const [name, bytes] of [
    [file, Buffer.from(text)],
    [`${file}.gz`, gzipSync(text)],
  ] as const) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, name), bytes);
    for (const algorithm of ['SHA256', 'SHA512']) {
      await mkdir(join(folder, 'by-hash', algorithm), { recursive: true });
      const hash = createHash(algorithm).update(bytes).digest('hex');
      await writeFile(join(folder, 'by-hash', algorithm, hash), bytes);
    }
  }
}

async function writeRelease(folder: string, release: string, key: RepositoryKey): Promise<void> {
  const { inRelease, signature } = await key.sign(release);
  await writeFile(join(folder, 'Release'), release);
  await writeFile(join(folder, 'InRelease'), inRelease);
  await writeFile(join(folder, 'Release.gpg'), signature);
}

/** Reads what has been made, and removes it. */
async function collect(root: string, stop: () => Promise<unknown>): Promise<DebianFiles> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(root.length), await readFile(path));
  }
  await stop();
  return files;
}
