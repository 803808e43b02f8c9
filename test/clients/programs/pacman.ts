import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run, runChecked } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import type { PacmanKey } from '../upstreams/pacman-repository.ts';

/** A system of its own that pacman installs into, which takes nothing that is not signed. */
export interface PacmanSystem extends Stoppable {
  /** Runs pacman: `-Sy`, `acme-cli`. */
  pacman(...args: string[]): Promise<FinishedCommand>;
  /** What is installed: names and versions, one a line. */
  installed(): Promise<string>;
  /** An installed file. */
  read(path: string): Promise<string>;
  /** Forgets what has been downloaded. */
  clean(): Promise<void>;
}

/** Creates a system with one repository and one trusted key. */
export async function createPacmanSystem(
  repository: string,
  server: string,
  key: PacmanKey,
): Promise<PacmanSystem> {
  const folder = await createTemporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  for (const name of ['root', 'db', 'cache', 'gpg', 'hooks']) await mkdir(at(name), { mode: 0o700 });
  await writeFile(
    at('pacman.conf'),
    `[options]
RootDir = ${at('root')}
DBPath = ${at('db')}
CacheDir = ${at('cache')}
LogFile = ${at('pacman.log')}
GPGDir = ${at('gpg')}
HookDir = ${at('hooks')}
Architecture = x86_64
NoProgressBar
SigLevel = Required TrustedOnly

[${repository}]
Server = ${server}
`,
  );
  // As `pacman-key --init` does: pacman looks for a keyring of this name.
  await writeFile(at('gpg/pubring.gpg'), '');
  const gpg = (...args: string[]): Promise<string> =>
    runChecked('gpg', ['--homedir', at('gpg'), '--batch', ...args]);
  await writeFile(at('key.asc'), key.publicKey);
  await writeFile(at('trust'), `${key.fingerprint}:6:\n`);
  await gpg('--import', at('key.asc'));
  await gpg('--import-ownertrust', at('trust'));

  const pacman = (...args: string[]): Promise<FinishedCommand> =>
    run('pacman', ['--config', at('pacman.conf'), '--noconfirm', ...args], {
      env: { ...process.env, LC_ALL: 'C' },
    });
  return {
    pacman,
    installed: async () => (await pacman('-Q')).stdout,
    read: (path) => readFile(join(at('root'), path), 'utf8'),
    async clean() {
      await rm(at('cache'), { recursive: true });
      await mkdir(at('cache'));
    },
    async stop() {
      await run('gpgconf', ['--homedir', at('gpg'), '--kill', 'all']);
      await folder.stop();
    },
  };
}
