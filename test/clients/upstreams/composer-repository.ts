import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { makeZip } from './zip.ts';

/** A version of a package. */
export interface ComposerVersion {
  readonly name: string;
  readonly version: string;
  readonly require?: Readonly<Record<string, string>>;
}

/** What a repository is like. */
export interface ComposerRepositoryOptions {
  readonly address: string;
  /** Where it is below its origin; with slashes at both ends. */
  readonly base: string;
  /**
   * How it says what it has: with metadata of each package as packagist.org, with metadata elsewhere, in one document
   * that `packages.json` includes as Satis does, or within `packages.json`.
   */
  readonly layout: 'packagist' | 'elsewhere' | 'included' | 'inlined';
  /** The token without which nothing is shown. */
  readonly token?: string;
  /** Whether it wants to be told of installs. */
  readonly notified?: boolean;
}

/** A Composer repository. */
export interface ComposerRepository extends RecordingServer {
  /** Where it is, without a slash at its end. */
  readonly url: string;
  /** The bodies of the notifications that came. */
  readonly notifications: readonly unknown[];
}

/** Starts a repository with versions, whose archives have a class with the version. */
export async function startComposerRepository(
  versions: readonly ComposerVersion[],
  options: ComposerRepositoryOptions,
): Promise<ComposerRepository> {
  const { address, base, layout, token, notified = false } = options;
  const notifications: unknown[] = [];
  const files = new Map<string, { body: Buffer; type: string }>();
  const server = await startRecordingServer(address, async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://composer.invalid');
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return void response.writeHead(401, { 'content-type': 'text/html' }).end('<h1>no entry</h1>');
    if (request.method === 'POST' && pathname === `${base}told`) {
      notifications.push(JSON.parse((await buffer(request)).toString('utf8')));
      return void response.writeHead(201).end();
    }
    const file = files.get(pathname);
    if (!file || request.method === 'POST')
      return void response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>not here</h1>');
    const fields = { 'content-type': file.type, 'last-modified': 'Wed, 01 Jan 2025 00:00:00 GMT' };
    if (request.headers['if-modified-since'] === fields['last-modified'])
      return void response.writeHead(304, fields).end();
    response.writeHead(200, { ...fields, 'content-length': file.body.length });
    response.end(request.method === 'HEAD' ? undefined : file.body);
  });

  const packages: Record<string, Record<string, unknown>> = {};
  for (const each of versions) {
    const archive = makeArchive(each);
    const path = archivePath(each);
    files.set(path, { body: archive, type: 'application/zip' });
    const dist = {
      type: 'zip',
      url: server.origin + path,
      reference: referenceOf(each),
      shasum: createHash('sha1').update(archive).digest('hex'),
    };
    packages[each.name] = { ...packages[each.name], [each.version]: { ...manifestOf(each), dist } };
  }
  for (const [path, document] of Object.entries(documents()))
    files.set(path, { body: Buffer.from(JSON.stringify(document)), type: 'application/json' });
  return { ...server, url: server.origin + base.slice(0, -1), notifications };

  function archivePath({ name, version }: ComposerVersion): string {
    if (layout === 'packagist') return `${base}zipball/${name}/${referenceOf({ name, version })}`;
    return `${base}files/${name.replace('/', '-')}-${version}.zip`;
  }

  function documents(): Record<string, unknown> {
    const notify = notified ? { 'notify-batch': `${base}told` } : {};
    switch (layout) {
      case 'inlined':
        return { [`${base}packages.json`]: { packages, ...notify } };
      case 'included': {
        const path = 'include/all$0a1b.json';
        const root = { packages: {}, includes: { [path]: { sha1: '0a1b' } }, ...notify };
        return { [`${base}packages.json`]: root, [base + path]: { packages } };
      }
      default: {
        const place = layout === 'packagist' ? 'p2' : 'meta/data';
        const root = { packages: [], 'metadata-url': `${base}${place}/%package%.json`, ...notify };
        const metadata = Object.entries(packages).map(([name, all]) => [
          `${base}${place}/${name}.json`,
          { packages: { [name]: Object.values(all) } },
        ]);
        return { [`${base}packages.json`]: root, ...Object.fromEntries(metadata) };
      }
    }
  }
}

function manifestOf({ name, version, require = {} }: ComposerVersion): object {
  const autoload = { 'psr-4': { [`${classOf(name)}\\`]: 'src/' } };
  return { name, version, version_normalized: `${version}.0`, type: 'library', require, autoload };
}

/** A made-up commit, the same at each repository. */
function referenceOf({ name, version }: ComposerVersion): string {
  return createHash('sha1').update(`${name} ${version}`).digest('hex');
}

/** `acme/cli` is `Acme\Cli`. */
function classOf(name: string): string {
  return name.replace(
    /(?:^|\/)(.)/g,
    (_, letter: string, at: number) => (at > 0 ? '\\' : '') + letter.toUpperCase(),
  );
}

function makeArchive(each: ComposerVersion): Buffer {
  return makeZip({
    'package/composer.json': JSON.stringify(manifestOf(each)),
    'package/src/Version.php': `<?php namespace ${classOf(each.name)}; class Version { const TEXT = '${each.version}'; }\n`,
  });
}
