import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { suite } from '../debians.ts';
import type { Stoppable } from '../lab/cleanup.ts';
import type { FinishedCommand } from '../lab/command.ts';
import { type Debian, makeDebian, openDebian } from '../lab/debian.ts';
import { type Machine, thisMachine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A client of RPM repositories. */
export interface RpmClient {
  /** Such as `dnf 4 of this machine`. */
  readonly title: string;
  /** Whether it takes signatures of `repomd.xml` from beside it at all times. */
  readonly kind: 'dnf' | 'zypper';
  /** Makes a system in a folder of its own, with nothing in it. */
  createSystem(): Promise<RpmSystem>;
}

/** A system in a folder, which a client installs into. */
export interface RpmSystem extends Stoppable {
  /** Adds the repository that a `.repo` file is for. */
  add(repoFile: string): Promise<void>;
  /** Puts a `.repo` file there as it is. */
  put(name: string, text: string): Promise<void>;
  /** Installs, or upgrades to the newest. */
  install(name: string): Promise<FinishedCommand>;
  /** Looks for news now, whatever the cache says, and upgrades. */
  upgrade(name: string): Promise<FinishedCommand>;
  /** Forgets everything that was downloaded. */
  clean(): Promise<void>;
  /** The version of a package that is installed, as its own file says. */
  versionOf(name: string): Promise<string | undefined>;
}

const RELEASE = '42';
const debians: Readonly<Record<typeof suite, Debian>> = {
  trixie: { suite: 'trixie', packages: ['ca-certificates', 'dnf', 'zypper'] },
  sid: {
    suite: 'sid',
    packages: ['ca-certificates', 'dnf5', 'zypper'],
    apt: ['Acquire::Check-Valid-Until "false"'],
  },
};

/** Makes the other Debian of this run. */
export function makeRpmDebian(): Promise<void> {
  return makeDebian(debians[suite]);
}

const other = openDebian(debians[suite]);

/** The clients of this run: dnf 4 and zypper of two Debians, or dnf 5 of Debian's unstable release. */
export const rpmClients: readonly RpmClient[] = [
  { title: 'dnf of this machine', kind: 'dnf', createSystem: () => createSystem(dnf('dnf', thisMachine)) },
  {
    title: 'zypper of this machine',
    kind: 'zypper',
    createSystem: () => createSystem(zypper(thisMachine)),
  },
  suite === 'sid'
    ? { title: 'dnf5 of sid', kind: 'dnf', createSystem: () => createSystem(dnf('dnf5', other)) }
    : { title: 'dnf of trixie', kind: 'dnf', createSystem: () => createSystem(dnf('dnf', other)) },
  { title: `zypper of ${suite}`, kind: 'zypper', createSystem: () => createSystem(zypper(other)) },
];

/** How a client is run on a root folder. */
interface Program {
  /** Where the `.repo` files are in it. */
  readonly repos: string;
  /** The arguments of each step, one command after the other. */
  readonly steps: Readonly<Record<'install' | 'upgrade' | 'clean', readonly (readonly string[])[]>>;
  run(root: string, args: readonly string[]): Promise<FinishedCommand>;
  add(root: string, repoFile: string): Promise<void>;
}

async function createSystem(program: Program): Promise<RpmSystem> {
  const folder = await createTemporaryFolder();
  const root = join(folder.path, 'root');
  const repos = join(root, program.repos);
  await mkdir(repos, { recursive: true });
  await writeFile(configOf(root), '[main]\n');
  return {
    add: (repoFile) => program.add(root, repoFile),
    put: (name, text) => writeFile(join(repos, `${name}.repo`), text),
    install: (name) => runSteps('install', name),
    upgrade: (name) => runSteps('upgrade', name),
    async clean() {
      const cleaned = await runSteps('clean');
      if (!cleaned.ok) throw new Error(cleaned.output);
      for (const each of ['dnf', 'libdnf5', 'zypp'])
        await rm(join(root, 'var/cache', each), { recursive: true, force: true });
    },
    versionOf: (name) =>
      readFile(join(root, `opt/${name}/version`), 'utf8').then(
        (text) => text.trim(),
        () => undefined,
      ),
    stop: () => folder.stop(),
  };

  async function runSteps(name: keyof Program['steps'], ...names: string[]): Promise<FinishedCommand> {
    const [last = [], ...before] = [...program.steps[name]].reverse();
    for (const step of before.reverse()) {
      const finished = await program.run(root, step);
      if (!finished.ok) return finished;
    }
    return program.run(root, [...last, ...names]);
  }
}

function configOf(root: string): string {
  return `${root}.conf`;
}

function dnf(command: string, machine: Machine): Program {
  const repos = 'etc/yum.repos.d';
  return {
    repos,
    steps: {
      install: [['install']],
      // With `--refresh`, dnf 5.4 asked for nothing.
      upgrade: [['clean', 'expire-cache'], ['upgrade']],
      clean: [['clean', 'all']],
    },
    run(root, args) {
      const options = [`--installroot=${root}`, `--setopt=reposdir=${join(root, repos)}`];
      const more = [`--config=${configOf(root)}`, `--releasever=${RELEASE}`, '-y'];
      return machine.run(command, [...options, ...more, ...args], { timeout: 120_000 });
    },
    // `dnf config-manager --add-repo` does the same: it downloads the file.
    async add(root, repoFile) {
      const answer = await fetch(repoFile);
      if (!answer.ok) throw new Error(`${answer.status} for ${repoFile}: ${await answer.text()}`);
      await writeFile(join(root, repos, repoFile.slice(repoFile.lastIndexOf('/') + 1)), await answer.text());
    },
  };
}

function zypper(machine: Machine): Program {
  const run: Program['run'] = (root, args) => {
    const options = ['--root', root, '--non-interactive', '--gpg-auto-import-keys', '--releasever', RELEASE];
    return machine.run('zypper', [...options, ...args], { timeout: 120_000 });
  };
  return {
    repos: 'etc/zypp/repos.d',
    steps: {
      install: [['install']],
      upgrade: [['refresh', '--force'], ['update']],
      clean: [['clean', '--all']],
    },
    run,
    async add(root, repoFile) {
      const added = await run(root, ['addrepo', repoFile]);
      if (!added.ok) throw new Error(added.output);
    },
  };
}
