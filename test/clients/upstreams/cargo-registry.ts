import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A crate of the lab, packed. */
export interface PackedCrate {
  readonly name: string;
  readonly version: string;
  /** The names of the crates that it depends on, each in the version 1. */
  readonly needs: readonly string[];
  readonly bytes: Buffer;
  readonly checksum: string;
}

/** Packs a library crate. */
export async function packCrate(
  name: string,
  version: string,
  source: string,
  needs: readonly string[] = [],
): Promise<PackedCrate> {
  const folder = await createTemporaryFolder();
  const files = {
    'Cargo.toml': `[package]
name = "${name}"
version = "${version}"
edition = "2021"

[dependencies]
${needs.map((need) => `${need} = "1"\n`).join('')}`,
    'src/lib.rs': source,
  };
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder.path, `${name}-${version}`, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  await runChecked('tar', ['--create', '--gzip', '--file', 'packed', `${name}-${version}`], {
    cwd: folder.path,
  });
  const bytes = await readFile(join(folder.path, 'packed'));
  await folder.stop();
  return { name, version, needs, bytes, checksum: createHash('sha256').update(bytes).digest('hex') };
}

/** How a registry says where its crates are, and where that is. */
export interface CargoLayout {
  /** `dl` of `config.json`, below the origin of the downloads. */
  readonly dl: string;
  /** The path of a crate's file. */
  pathOf(crate: PackedCrate): string;
  /** The path of the index. */
  readonly index: string;
}

/** The layout that registries have when their `dl` has no markers. */
export const plainLayout: CargoLayout = {
  dl: '/api/v1/crates',
  pathOf: ({ name, version }) => `/api/v1/crates/${name}/${version}/download`,
  index: '/index',
};

/** A layout that takes every marker there is. */
export const markedLayout: CargoLayout = {
  dl: '/files/{lowerprefix}/{prefix}/{crate}/{sha256-checksum}/{crate}_{version}.tar.gz',
  pathOf: ({ name, version, checksum }) =>
    `/files/${folderOf(name.toLowerCase())}/${folderOf(name)}/${name}/${checksum}/${name}_${version}.tar.gz`,
  index: '/registries/acme/index',
};

/** A registry: an index and its downloads on hosts of their own. */
export interface CargoRegistry {
  readonly index: RecordingServer;
  readonly downloads: RecordingServer;
  /** Where the index is. */
  readonly url: string;
  forget(): void;
  stop(): Promise<unknown>;
}

/** Starts a registry; with a token, it serves nothing without that. */
export async function startCargoRegistry(
  crates: readonly PackedCrate[],
  layout: CargoLayout,
  token?: string,
): Promise<CargoRegistry> {
  const files = new Map(crates.map((crate) => [layout.pathOf(crate), crate.bytes]));
  const documents = new Map<string, string>();
  for (const crate of crates) {
    const path = `${layout.index}/${folderOf(crate.name.toLowerCase())}/${crate.name.toLowerCase()}`;
    documents.set(path, `${documents.get(path) ?? ''}${toLine(crate)}\n`);
  }
  const serve = (address: string): Promise<RecordingServer> =>
    startRecordingServer(address, (request, response) => {
      const path = decodeURIComponent(request.url ?? '');
      const body = files.get(path) ?? documents.get(path);
      if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
        response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
      else if (body !== undefined) response.writeHead(200, { etag: `"${path.length}"` }).end(body);
      else if (path.startsWith('/web/api/v1/crates?'))
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ crates: crates.map(toSearchResult), meta: { total: crates.length } }));
      else response.writeHead(404, { 'content-type': 'text/plain' }).end('nothing\n');
    });
  // What is private is on one origin, as the credential of a rule is.
  const index = await serve('127.0.0.2');
  const downloads = token === undefined ? await serve('127.0.0.3') : index;
  const config = { dl: `${downloads.origin}${layout.dl}`, api: `${downloads.origin}/web` };
  documents.set(`${layout.index}/config.json`, JSON.stringify(config));
  return {
    index,
    downloads,
    url: `${index.origin}${layout.index}`,
    forget: () => {
      index.forget();
      downloads.forget();
    },
    stop: () => Promise.all([index.stop(), downloads.stop()]),
  };
}

function folderOf(name: string): string {
  return `${name.slice(0, 2)}/${name.slice(2, 4)}`;
}

function toLine({ name, version, needs, checksum }: PackedCrate): string {
  const deps = needs.map((need) => ({
    name: need,
    req: '^1',
    features: [],
    optional: false,
    default_features: true,
    target: null,
    kind: 'normal',
  }));
  return JSON.stringify({ name, vers: version, deps, cksum: checksum, features: {}, yanked: false });
}

function toSearchResult({ name, version }: PackedCrate): object {
  return { name, max_version: version, description: 'of the lab' };
}
