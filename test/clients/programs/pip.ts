import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import type { FinishedCommand } from '../lab/command.ts';
import { makeDebian, openDebian } from '../lab/debian.ts';
import { type Machine, thisMachine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A Python with its pip. */
export interface PipProgram {
  /** Where it runs. */
  readonly machine: Machine;
  /** Its Python. */
  readonly python: string;
}

/** Debian's own pip on this machine. */
export const debianPip: PipProgram = { machine: thisMachine, python: '/usr/bin/python3' };

/** The pip of Debian 13, in a Debian of its own, which is made when it is first wanted. */
export async function makeTrixiePip(): Promise<PipProgram> {
  const trixie = { suite: 'trixie', packages: ['python3-pip', 'python3-setuptools', 'ca-certificates'] };
  await makeDebian(trixie);
  return { machine: openDebian(trixie), python: '/usr/bin/python3' };
}

/** A project folder, with a pip that has nothing of the machine's. */
export interface PipProject extends Stoppable {
  /** Runs pip with one index, by default without a cache. */
  pip(...args: string[]): Promise<FinishedCommand>;
  /** Installs into the project what is not yet there. */
  install(...args: string[]): Promise<FinishedCommand>;
  /** Writes a requirements file; gives its path. */
  demand(lines: readonly string[]): Promise<string>;
  /** Downloads into an empty folder; gives the names of the files. */
  download(...args: string[]): Promise<{ finished: FinishedCommand; files: readonly string[] }>;
  /** Runs a piece of Python with what is installed. */
  run(code: string): Promise<FinishedCommand>;
  /** Removes what is installed. */
  clean(): Promise<void>;
}

/** Creates a project. The index's address may hold a name and a password. */
export async function createPipProject(
  index: string,
  { machine, python }: PipProgram = debianPip,
): Promise<PipProject> {
  const root = await createTemporaryFolder();
  let installed = await mkdtemp(join(root.path, 'installed-'));
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: root.path,
    LANG: 'C.UTF-8',
    PIP_CONFIG_FILE: '/dev/null',
    PIP_INDEX_URL: index,
    PIP_NO_CACHE_DIR: '1',
    PIP_NO_INPUT: '1',
    PIP_RETRIES: '0',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
    // Debian's Python is not to be installed into, and neither is it.
    PIP_BREAK_SYSTEM_PACKAGES: '1',
  };
  const pip = (...args: string[]): Promise<FinishedCommand> =>
    machine.run(python, ['-m', 'pip', ...args], { env, timeout: 120_000 });
  return {
    pip,
    install: (...args) => pip('install', '--target', installed, ...args),
    async demand(lines) {
      const file = join(root.path, 'requirements.txt');
      await writeFile(file, `${lines.join('\n')}\n`);
      return file;
    },
    async download(...args) {
      const folder = await mkdtemp(join(root.path, 'downloaded-'));
      const finished = await pip('download', '--dest', folder, ...args);
      return { finished, files: (await readdir(folder)).sort() };
    },
    run: (code) => machine.run(python, ['-c', code], { env: { ...env, PYTHONPATH: installed } }),
    async clean() {
      await rm(installed, { recursive: true });
      installed = await mkdtemp(join(root.path, 'installed-'));
    },
    stop: () => root.stop(),
  };
}
