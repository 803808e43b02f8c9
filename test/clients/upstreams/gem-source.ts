import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';

import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** What a gem says of itself. */
export interface GemDescription {
  readonly name: string;
  readonly version: string;
  /** Ranges by name. */
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly platform?: string;
}

/** A gem, made by `gem build`. */
export interface BuiltGem extends GemDescription {
  readonly file: string;
  readonly body: Buffer;
}

/** What a source of gems is like. */
export interface GemSourceOptions {
  readonly address: string;
  /** Where the source is below its origin; with slashes at both ends. */
  readonly base: string;
  /** Whether it has the compact index, beside the lists of old. */
  readonly compact: boolean;
  /** The token without which nothing is shown. */
  readonly token?: string;
}

/** A source of gems, with an index by `gem generate_index` and one of its own. */
export interface GemSource extends RecordingServer {
  /** Where it is, without a slash at its end. */
  readonly url: string;
  /** Adds gems to what it has. */
  add(...gems: readonly BuiltGem[]): Promise<void>;
}

/** Makes a gem, whose library sets a constant to its version. */
export async function buildGem(description: GemDescription): Promise<BuiltGem> {
  const { name, version, platform, dependencies = {} } = description;
  const folder = await createTemporaryFolder();
  const constant = name.replaceAll('-', '_').toUpperCase();
  const needs = Object.entries(dependencies).map(
    ([other, range]) => `  s.add_dependency '${other}', '${range}'`,
  );
  await mkdir(join(folder.path, 'lib'));
  await writeFile(join(folder.path, 'lib', `${name}.rb`), `${constant} = '${version}'\n`);
  await writeFile(
    join(folder.path, 'x.gemspec'),
    `Gem::Specification.new do |s|
  s.name = '${name}'
  s.version = '${version}'
  s.summary = 'A gem of the lab'
  s.authors = ['Lab']
  s.files = ['lib/${name}.rb']
${platform === undefined ? '' : `  s.platform = '${platform}'\n`}${needs.join('\n')}
end
`,
  );
  await runChecked('gem', ['build', '--silent', 'x.gemspec'], { cwd: folder.path });
  const file = `${name}-${version}${platform === undefined ? '' : `-${platform}`}.gem`;
  const body = await readFile(join(folder.path, file));
  await folder.stop();
  return { ...description, file, body };
}

/** Starts a source of gems. */
export async function startGemSource(options: GemSourceOptions): Promise<GemSource> {
  const { address, base, compact, token } = options;
  const folder = await createTemporaryFolder();
  await mkdir(join(folder.path, 'gems'));
  const gems: BuiltGem[] = [];
  const files = new Map<string, Buffer>();
  const server = await startRecordingServer(address, (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://gems.invalid');
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return void response.writeHead(401, { 'content-type': 'text/plain' }).end('no entry\n');
    const file = pathname.startsWith(base) ? files.get(pathname.slice(base.length)) : undefined;
    if (file) sendFile(request, response, file);
    else response.writeHead(404, { 'content-type': 'text/plain' }).end('no such file\n');
  });
  return {
    ...server,
    url: server.origin + base.slice(0, -1),
    async add(...more) {
      gems.push(...more);
      for (const { file, body } of more) await writeFile(join(folder.path, 'gems', file), body);
      await runChecked('gem', ['generate_index', '--silent', '--directory', folder.path]);
      for (const path of await readdir(folder.path, { recursive: true, withFileTypes: true })) {
        if (!path.isFile()) continue;
        const full = join(path.parentPath, path.name);
        files.set(full.slice(folder.path.length + 1), await readFile(full));
      }
      // A root that answers makes gem ask for the compact index, and for nothing else.
      if (compact) files.set('', Buffer.from('a source of gems\n'));
      if (compact) for (const [path, text] of compactIndex(gems)) files.set(path, Buffer.from(text));
    },
    async stop() {
      await server.stop();
      await folder.stop();
    },
  };
}

/** The files of the compact index; new versions are lines at the end of `/versions`. */
function compactIndex(gems: readonly BuiltGem[]): Map<string, string> {
  const infos = new Map<string, string>();
  const lines: string[] = [];
  for (const gem of gems) {
    const { name, version, platform, dependencies = {}, body } = gem;
    const number = platform === undefined ? version : `${version}-${platform}`;
    const needs = Object.entries(dependencies).map(([other, range]) => `${other}:${range}`);
    const sum = createHash('sha256').update(body).digest('hex');
    const info = `${infos.get(name) ?? '---\n'}${number} ${needs.join(',')}|checksum:${sum}\n`;
    infos.set(name, info);
    lines.push(`${name} ${number} ${md5(info)}`);
  }
  const names = [...infos.keys()].sort();
  return new Map([
    ['versions', `created_at: 2026-01-01T00:00:00Z\n---\n${lines.join('\n')}\n`],
    ['names', `---\n${names.join('\n')}\n`],
    ...[...infos].map(([name, info]) => [`info/${name}`, info] as const),
  ]);
}

function md5(data: string | Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

/** Sends a file as rubygems.org does: the tag is its MD5, by which Bundler checks what it has put together. */
function sendFile(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const etag = `"${md5(body)}"`;
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const common = { etag, 'repr-digest': digest, 'accept-ranges': 'bytes' };
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, common).end();
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? Number.NaN);
  if (from >= body.length) return void response.writeHead(416, common).end();
  const part = Number.isNaN(from) ? body : body.subarray(from);
  const range = { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` };
  const partial = Number.isNaN(from) ? {} : range;
  response.writeHead(part === body ? 200 : 206, { ...common, ...partial, 'content-length': part.length });
  response.end(request.method === 'HEAD' ? undefined : part);
}
