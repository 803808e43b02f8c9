import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import type { MirrorFiles } from './package-mirror.ts';
import { type TarFile, writeTar } from './tar.ts';

/** A key that indexes and packages are signed with. */
export interface ApkKeyPair {
  /** The name of its file: `packages@acme.example-1.rsa.pub`. */
  readonly name: string;
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

/** A package of the lab: one file, with a line that says which version it is. */
export interface LabPackage {
  readonly name: string;
  /** With its release: `1.0-r0`. */
  readonly version: string;
}

/** Creates a key. */
export function createApkKey(name: string): ApkKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { name, publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(), privateKey };
}

/**
 * Makes a repository of version 2 for one architecture: an index and packages, all signed, and the key below `/keys`.
 *
 * @see https://wiki.alpinelinux.org/wiki/Apk_spec
 */
export function createApkRepository(key: ApkKeyPair, packages: readonly LabPackage[]): MirrorFiles {
  const files: MirrorFiles = new Map([[`/keys/${key.name}`, Buffer.from(key.publicKey)]]);
  const made = packages.map((each) => ({ each, ...createPackage(key, each) }));
  for (const { each, bytes } of made) files.set(`/x86_64/${each.name}-${each.version}.apk`, bytes);
  const entries = made.map(({ each, checksum, bytes }) =>
    [
      `C:Q1${checksum}`,
      `P:${each.name}`,
      `V:${each.version}`,
      'A:x86_64',
      `S:${bytes.length}`,
      'T:Lab',
      '',
    ].join('\n'),
  );
  const index = gzipSync(
    writeTar([
      { name: 'DESCRIPTION', body: Buffer.from('Lab\n') },
      { name: 'APKINDEX', body: Buffer.from(`${entries.join('\n')}\n`) },
    ]),
  );
  return files.set('/x86_64/APKINDEX.tar.gz', signed(key, index, index));
}

/** Three archives behind each other: the signature, what there is to know, and the files. */
function createPackage(key: ApkKeyPair, { name, version }: LabPackage): { bytes: Buffer; checksum: string } {
  const data = gzipSync(writeTar([{ name: `usr/${name}`, body: Buffer.from(`${name} ${version}\n`) }]));
  const fields = {
    pkgname: name,
    pkgver: version,
    pkgdesc: 'Lab',
    arch: 'x86_64',
    datahash: hash('sha256', data, 'hex'),
  };
  const info = Object.entries(fields).map(([field, value]) => `${field} = ${value}\n`);
  const control = openEnded([{ name: '.PKGINFO', body: Buffer.from(info.join('')) }]);
  const bytes = signed(key, control, Buffer.concat([control, data]));
  return { bytes, checksum: hash('sha1', control, 'base64') };
}

/** The signature of one archive in front of it and what follows. */
function signed({ name, privateKey }: ApkKeyPair, archive: Buffer, all: Buffer): Buffer {
  const body = createSign('RSA-SHA1').update(archive).sign(privateKey);
  return Buffer.concat([openEnded([{ name: `.SIGN.RSA.${name}`, body }]), all]);
}

/** An archive that another follows has no end. */
function openEnded(files: readonly TarFile[]): Buffer {
  return gzipSync(writeTar(files).subarray(0, -1024));
}

function hash(algorithm: 'sha1' | 'sha256', bytes: Buffer, encoding: 'hex' | 'base64'): string {
  return createHash(algorithm).update(bytes).digest(encoding);
}
