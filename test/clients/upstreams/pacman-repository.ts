import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { run, runChecked } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { type MirrorFiles, readMirrorFiles } from './package-mirror.ts';

/** A key that packages and databases are signed with. */
export interface PacmanKey extends Stoppable {
  /** The home of its GnuPG. */
  readonly home: string;
  /** Its public half, as a keyring imports it. */
  readonly publicKey: string;
  readonly fingerprint: string;
}

/** A package of the lab: one file, with a line that says which version it is. */
export interface PacmanPackage {
  readonly name: string;
  /** With epoch and release: `1:1.0-1`. */
  readonly version: string;
}

/** Creates a key. */
export async function createPacmanKey(): Promise<PacmanKey> {
  const { path: home, stop } = await createTemporaryFolder();
  const gpg = (...args: string[]): Promise<string> =>
    runChecked('gpg', ['--homedir', home, '--batch', ...args]);
  await gpg(
    '--quiet',
    '--passphrase',
    '',
    '--quick-gen-key',
    'Lab <lab@acme.example>',
    'ed25519',
    'sign',
    'never',
  );
  const listed = await gpg('--list-keys', '--with-colons');
  return {
    home,
    publicKey: await gpg('--armor', '--export'),
    fingerprint: /^fpr:+([\dA-F]+):/m.exec(listed)?.[1] ?? '',
    async stop() {
      await run('gpgconf', ['--homedir', home, '--kill', 'all']);
      await stop();
    },
  };
}

/** Makes a repository, packages and database signed: its files, all in one folder. */
export async function createPacmanRepository(
  name: string,
  key: PacmanKey,
  packages: readonly PacmanPackage[],
): Promise<MirrorFiles> {
  const folder = await createTemporaryFolder();
  const repository = join(folder.path, 'repository');
  await mkdir(repository);
  const env = { ...process.env, GNUPGHOME: key.home };
  const files: string[] = [];
  for (const made of packages) {
    const file = `${made.name}-${made.version}-any.pkg.tar.zst`;
    const tree = join(folder.path, file);
    await mkdir(join(tree, 'usr'), { recursive: true });
    await writeFile(join(tree, 'usr', made.name), `${made.name} ${made.version}\n`);
    await writeFile(join(tree, '.PKGINFO'), toInfo(made));
    const pack = ['--zstd', '--uid', '0', '--gid', '0', '-cf', join(repository, file), '.PKGINFO', 'usr'];
    await runChecked('bsdtar', pack, { cwd: tree });
    await runChecked('gpg', ['--batch', '--detach-sign', join(repository, file)], { env });
    files.push(file);
  }
  await runChecked('repo-add', ['--sign', `${name}.db.tar.gz`, ...files], { cwd: repository, env });
  const made = await readMirrorFiles(repository, '');
  await folder.stop();
  return made;
}

function toInfo({ name, version }: PacmanPackage): string {
  const fields = {
    pkgname: name,
    pkgbase: name,
    pkgver: version,
    pkgdesc: 'Lab',
    url: 'https://acme.example',
  };
  const more = { builddate: '1700000000', packager: 'Lab', size: '20', arch: 'any', license: 'MIT' };
  return Object.entries({ ...fields, ...more })
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}
