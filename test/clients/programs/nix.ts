import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import type { Machine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** Where a Nix gets store paths from. */
export interface Substituter {
  /** Its address. */
  readonly url: string;
  /** The key whose signatures are trusted. */
  readonly publicKey: string;
}

/** A Nix with a store, a cache and a home of its own. */
export interface Nix extends Stoppable {
  /** The folder of its home. */
  readonly home: string;
  /** Installs store paths, signatures checked. */
  install(from: Substituter, ...paths: readonly string[]): Promise<FinishedCommand>;
  /** Runs one of its programs. */
  run(program: string, args: readonly string[], more?: NixSettings): Promise<FinishedCommand>;
  /** Where a store path is on this machine. */
  locate(path: string): string;
  /** Removes everything that is installed; what it remembers of caches stays. */
  uninstall(): Promise<void>;
  /** Removes what it remembers of caches and downloads. */
  forget(): Promise<void>;
}

/** Settings of a run, which are lines of its `nix.conf`. */
export type NixSettings = Readonly<Record<string, string>>;

/** Settings for a Nix without a daemon: root builds itself, in the programs of this machine. */
const SETTINGS: NixSettings = {
  'experimental-features': 'nix-command flakes',
  'build-users-group': '',
  'sandbox-paths': '/bin /lib /lib64 /usr',
  substituters: '',
  'flake-registry': '',
  'connect-timeout': '10',
  'download-attempts': '1',
};

/** What is particular to a Nix. */
export interface NixOptions {
  /**
   * Whether its store, which is for `/nix/store` wherever it is itself, is for a path of its own instead, to which no
   * store path from elsewhere fits; `nix-channel` knows nothing else.
   */
  readonly own?: boolean;
  /** The file of the certificate that it trusts. */
  readonly certificate?: string;
}

/** Creates a Nix on a machine. */
export async function createNix(
  machine: Pick<Machine, 'run'> = { run },
  { own = false, certificate }: NixOptions = {},
): Promise<Nix> {
  const folder = await createTemporaryFolder();
  const [home, cache, root] = ['home', 'cache', 'root'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(home);

  async function start(
    program: string,
    args: readonly string[],
    more: NixSettings = {},
  ): Promise<FinishedCommand> {
    const settings = Object.entries({
      ...SETTINGS,
      ...(own && { sandbox: 'false' }),
      ...more,
    }).map(([key, value]) => `${key} = ${value}\n`);
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      USER: 'root',
      XDG_CACHE_HOME: cache,
      NIX_CONFIG: settings.join(''),
      ...(own ? ownStore(root) : { NIX_REMOTE: root }),
      ...(certificate && { NIX_SSL_CERT_FILE: certificate }),
    };
    return machine.run(program, args, { env, cwd: home });
  }

  async function remove(path: string): Promise<void> {
    // What is in a store is read-only, also for rm of those who are not root.
    await rm(path, { recursive: true, force: true });
  }

  return {
    home,
    run: start,
    install: ({ url, publicKey }, ...paths) =>
      start('nix', ['build', '--no-link', '--max-jobs', '0', ...paths], {
        substituters: url,
        'trusted-public-keys': publicKey,
      }),
    locate: (path) => join(root, path),
    uninstall: () => remove(root),
    forget: () => remove(cache),
    stop: folder.stop,
  };
}

function ownStore(root: string): NodeJS.ProcessEnv {
  return { NIX_STORE_DIR: `${root}/store`, NIX_STATE_DIR: `${root}/var`, NIX_LOG_DIR: `${root}/log` };
}
