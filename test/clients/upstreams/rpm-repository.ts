import { createReadStream } from 'node:fs';
import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import type { Stoppable } from '../lab/cleanup.ts';
import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { type Credentials, isBasic } from './credentials.ts';

/** A package of the lab; it holds `/opt/<name>/version`. */
export interface RpmPackage {
  readonly name: string;
  readonly version: string;
}

/** How an index is made. */
export interface IndexOptions {
  /** Whether files are named without their checksums. */
  readonly plain?: boolean;
  /** Whether there are files for zchunk besides. */
  readonly zchunk?: boolean;
  /** Whether the key lies beside the signature, where zypper looks for it. */
  readonly key?: boolean;
  /** Where the index says that packages are, if not beside it. */
  readonly base?: string;
}

/** Somebody who builds packages, and signs them and indexes with a key. */
export interface RpmMaker extends Stoppable {
  /** The public key, in ASCII. */
  readonly key: string;
  /** Builds a package into a folder, signed. */
  build(folder: string, rpm: RpmPackage): Promise<void>;
  /** Writes the index of a folder, signed. */
  index(folder: string, options?: IndexOptions): Promise<void>;
}

/** A server of repositories. */
export interface RpmOrigin extends RecordingServer {
  /** The folder whose files it serves. */
  readonly folder: string;
  /** Says when it is out of order: for what paths. */
  fail(test: ((path: string) => boolean) | undefined): void;
}

/** Creates a maker with a key of its own. */
export async function createRpmMaker(): Promise<RpmMaker> {
  const work = await createTemporaryFolder();
  const home = join(work.path, 'gnupg');
  await mkdir(home);
  await chmod(home, 0o700);
  const env = { ...process.env, GNUPGHOME: home };
  const gpg = (...args: string[]): Promise<string> =>
    runChecked('gpg', ['--batch', '--yes', ...args], { env });
  await gpg('--passphrase', '', '--quick-gen-key', 'Acme <acme@acme.example>', 'rsa2048', 'sign', 'never');

  return {
    key: await gpg('--armor', '--export'),
    async build(folder, { name, version }) {
      const spec = join(work.path, `${name}.spec`);
      await mkdir(folder, { recursive: true });
      await writeFile(spec, writeSpec(name, version));
      const defines = [`_topdir ${work.path}/build`, `_rpmdir ${folder}`];
      const form = '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm';
      await runChecked('rpmbuild', ['-bb', '--quiet', ...toDefines([...defines, form]), spec], { env });
      const signing = toDefines(['_gpg_name Acme', '__gpg /usr/bin/gpg']);
      await runChecked(
        'rpmsign',
        ['--addsign', ...signing, join(folder, `${name}-${version}-1.noarch.rpm`)],
        {
          env,
        },
      );
    },
    async index(folder, { plain = false, zchunk = false, key = false, base } = {}) {
      await rm(join(folder, 'repodata'), { recursive: true, force: true });
      const form = [
        plain ? '--simple-md-filenames' : '--unique-md-filenames',
        ...(zchunk ? ['--zck'] : []),
        ...(base === undefined ? [] : ['--baseurl', base]),
      ];
      await runChecked('createrepo_c', ['--quiet', '--no-database', ...form, folder]);
      const repomd = join(folder, 'repodata/repomd.xml');
      await gpg('--armor', '--detach-sign', repomd);
      if (key) await writeFile(`${repomd}.key`, await gpg('--armor', '--export'));
    },
    async stop() {
      await runChecked('gpgconf', ['--kill', 'all'], { env });
      await work.stop();
    },
  };
}

/** Starts a server of a folder on a loopback address; with credentials it serves nobody without them. */
export async function startRpmOrigin(address: string, credentials?: Credentials): Promise<RpmOrigin> {
  const folder = await createTemporaryFolder();
  let broken: ((path: string) => boolean) | undefined;
  const server = await startRecordingServer(address, async (request, response) => {
    const path = request.url ?? '';
    if (broken?.(path)) return void response.writeHead(503).end();
    if (credentials && !isBasic(request.headers.authorization, credentials))
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="lab"' }).end();
    await sendFile(request, response, join(folder.path, decodeURIComponent(path.split('?', 1)[0] ?? '')));
  });
  return {
    ...server,
    folder: folder.path,
    fail: (test) => {
      broken = test;
    },
    async stop() {
      await server.stop();
      await folder.stop();
    },
  };
}

/** The name of a file of an index by what it is of: `primary.xml.gz`. */
export async function findIndexFile(folder: string, end: string): Promise<string> {
  const names = await readdir(join(folder, 'repodata'));
  const found = names.find((name) => name.endsWith(end));
  if (found === undefined) throw new Error(`No ${end} among ${names.join(', ')}`);
  return found;
}

async function sendFile(request: IncomingMessage, response: ServerResponse, file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return void response.writeHead(404).end('no such file\n');
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const [start, end] = from === undefined ? [0, found.size - 1] : [Number(from), Number(to)];
  const partial = from !== undefined && { 'content-range': `bytes ${start}-${end}/${found.size}` };
  const fields = { 'accept-ranges': 'bytes', 'content-length': end - start + 1, ...partial };
  response.writeHead(partial ? 206 : 200, fields);
  if (request.method === 'HEAD') return void response.end();
  await pipeline(createReadStream(file, { start, end }), response);
}

function toDefines(macros: readonly string[]): string[] {
  return macros.flatMap((macro) => ['--define', macro]);
}

function writeSpec(name: string, version: string): string {
  const folder = `/opt/${name}`;
  return `Name: ${name}
Version: ${version}
Release: 1
Summary: Lab
License: MIT
BuildArch: noarch
%description
Lab
%install
mkdir -p %{buildroot}${folder}
echo ${version} > %{buildroot}${folder}/version
%files
${folder}/version
`;
}
