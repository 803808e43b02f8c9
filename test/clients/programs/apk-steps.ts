import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, inflateRawSync } from 'node:zlib';

import type { Stoppable } from '../lab/cleanup.ts';
import { run, runChecked } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A system that is installed into by the steps that apk takes, each of which rejects when apk would refuse. */
export interface ApkSystem extends Stoppable {
  /** `wget -O /etc/apk/keys/…`, as people are told to. */
  trust(url: string): Promise<void>;
  /** `apk update`. */
  update(): Promise<void>;
  /** `apk add`, of the version in the index. */
  add(name: string): Promise<void>;
  /** An installed file. */
  read(path: string): Promise<string>;
}

/**
 * Creates a system with one repository. apk itself is in none of the places that these tests install from: busybox, of
 * which Alpine is made, fetches and unpacks, openssl checks the signatures, and what is between them is here.
 */
export async function createApkSystem(repository: string): Promise<ApkSystem> {
  const folder = await createTemporaryFolder();
  const at = (...names: string[]): string => join(folder.path, ...names);
  await mkdir(at('keys'));
  await mkdir(at('root'));
  let packages: ReadonlyMap<string, IndexEntry> = new Map();

  async function wget(url: string, file: string): Promise<Buffer> {
    const finished = await run('busybox', ['wget', '-O', file, url]);
    if (!finished.ok) throw new Error(finished.output);
    return readFile(file);
  }

  /** Checks the signature in the first of several archives, which is that of the second one; gives the second and the rest. */
  async function verify(bytes: Buffer): Promise<readonly [signed: Buffer, rest: Buffer]> {
    const [first, others] = cut(bytes);
    const [second, rest] = cut(others);
    const { name, body } = firstFile(gunzipSync(first));
    const key = at('keys', name.replace(/^\.SIGN\.RSA\./, ''));
    await writeFile(at('signature'), body);
    await writeFile(at('signed'), second);
    await runChecked('openssl', [
      'dgst',
      '-sha1',
      '-verify',
      key,
      '-signature',
      at('signature'),
      at('signed'),
    ]);
    return [second, rest];
  }

  return {
    async trust(url) {
      await wget(url, at('keys', url.slice(url.lastIndexOf('/') + 1)));
    },
    async update() {
      const [index] = await verify(await wget(`${repository}/x86_64/APKINDEX.tar.gz`, at('APKINDEX')));
      await writeFile(at('index'), index);
      packages = readIndex(await runChecked('busybox', ['tar', '-xzOf', at('index'), 'APKINDEX']));
    },
    async add(name) {
      const entry = packages.get(name);
      if (!entry) throw new Error(`${name} (no such package)`);
      const bytes = await wget(`${repository}/x86_64/${name}-${entry.version}.apk`, at('package'));
      const [control, data] = await verify(bytes);
      expectHash('sha1', control, 'base64', entry.checksum);
      const info = firstFile(gunzipSync(control)).body.toString();
      expectHash('sha256', data, 'hex', /^datahash = (\w+)$/m.exec(info)?.[1]);
      await writeFile(at('data'), data);
      await runChecked('busybox', ['tar', '-xzf', at('data'), '-C', at('root')]);
    },
    read: (path) => readFile(at('root', path), 'utf8'),
    stop: folder.stop,
  };
}

interface IndexEntry {
  readonly version: string;
  readonly checksum: string;
}

function readIndex(text: string): Map<string, IndexEntry> {
  const entries = text.split('\n\n').map((entry) => {
    const field = (letter: string): string => new RegExp(`^${letter}:(.*)$`, 'm').exec(entry)?.[1] ?? '';
    return [field('P'), { version: field('V'), checksum: field('C').replace(/^Q1/, '') }] as const;
  });
  return new Map(entries);
}

function expectHash(
  algorithm: string,
  bytes: Buffer,
  encoding: 'hex' | 'base64',
  wanted: string | undefined,
): void {
  if (createHash(algorithm).update(bytes).digest(encoding) !== wanted) throw new Error('BAD archive');
}

/** Cuts the first of several gzip members off (RFC 1952 §2.3, without optional fields). */
function cut(bytes: Buffer): readonly [first: Buffer, rest: Buffer] {
  const inflated = inflateRawSync(bytes.subarray(10), { info: true }) as unknown as {
    engine: { bytesWritten: number };
  };
  const end = 10 + inflated.engine.bytesWritten + 8;
  return [bytes.subarray(0, end), bytes.subarray(end)];
}

/** The first file of an archive (POSIX.1-1988, `ustar`). */
function firstFile(tar: Buffer): { name: string; body: Buffer } {
  const name = tar.toString('latin1', 0, 100).replace(/\0.*$/s, '');
  const size = Number.parseInt(tar.toString('latin1', 124, 135), 8);
  return { name, body: tar.subarray(512, 512 + size) };
}
