import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { isBasic } from './credentials.ts';

/** A version of a module, packed as a module proxy serves it. */
export interface GoModule {
  readonly path: string;
  readonly version: string;
  readonly mod: string;
  readonly zip: Buffer;
}

/** Packs a module (modules reference, "Module zip files"). */
export async function packGoModule(
  path: string,
  version: string,
  files: Readonly<Record<string, string>>,
): Promise<GoModule> {
  const folder = await createTemporaryFolder();
  const root = `${path}@${version}`;
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder.path, root, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  const names = Object.keys(files).map((name) => `${root}/${name}`);
  await runChecked('zip', ['-q', 'packed.zip', ...names], { cwd: folder.path });
  const zip = await readFile(join(folder.path, 'packed.zip'));
  await folder.stop();
  return { path, version, mod: files['go.mod'] ?? '', zip };
}

/** Starts a module proxy below a path; with a password, it serves nothing without that. */
export async function startGoProxy(
  modules: readonly GoModule[],
  base: string,
  password?: string,
): Promise<RecordingServer> {
  const files = new Map<string, string | Buffer>();
  for (const { path, version, mod, zip } of modules) {
    const escaped = path.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
    const info = JSON.stringify({ Version: version, Time: '2026-01-02T03:04:05Z' });
    files.set(`${base}/${escaped}/@v/list`, `${version}\n`);
    files.set(`${base}/${escaped}/@latest`, info);
    files.set(`${base}/${escaped}/@v/${version}.info`, info);
    files.set(`${base}/${escaped}/@v/${version}.mod`, mod);
    files.set(`${base}/${escaped}/@v/${version}.zip`, zip);
  }
  return startRecordingServer('127.0.0.2', (request, response) => {
    const body = files.get(decodeURIComponent(request.url ?? ''));
    if (password !== undefined && !isBasic(request.headers.authorization, { username: 'robot', password }))
      response.writeHead(401, { 'www-authenticate': 'Basic realm="lab"' }).end();
    else if (body === undefined) response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    else response.writeHead(200).end(body);
  });
}
