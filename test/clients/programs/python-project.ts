import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import type { FinishedCommand } from '../lab/command.ts';
import { makeDebian, openDebian } from '../lab/debian.ts';
import type { Machine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

const trixie = {
  suite: 'trixie',
  packages: ['ca-certificates', 'python3-pdm', 'python3-poetry', 'python3-venv'],
};

/** Makes a Debian 13 that has Python's programs with lock files. */
export async function makePythonMachine(): Promise<Machine> {
  await makeDebian(trixie);
  return openDebian(trixie);
}

/** A Python project, with programs that have nothing of the machine's. */
export interface PythonProject extends Stoppable {
  /** Runs a program in the project. */
  run(command: string, ...args: string[]): Promise<FinishedCommand>;
  /** Runs a piece of Python with what is installed. */
  python(code: string): Promise<FinishedCommand>;
  /** Reads one of its files. */
  read(file: string): Promise<string>;
  /** Removes what is installed, and everything that the programs remember. */
  clean(): Promise<void>;
}

/** Creates a project with dependencies, all from one index. */
export async function createPythonProject(
  machine: Machine,
  index: string,
  dependencies: readonly string[],
): Promise<PythonProject> {
  const root = await createTemporaryFolder();
  const project = await mkdtemp(join(root.path, 'project-'));
  let home = await mkdtemp(join(root.path, 'home-'));
  await writeFile(join(project, 'pyproject.toml'), toManifest(index, dependencies));
  return {
    run: inProject,
    python: (code) => inProject(join(project, '.venv/bin/python'), '-c', code),
    read: (file) => readFile(join(project, file), 'utf8'),
    async clean() {
      await rm(join(project, '.venv'), { recursive: true, force: true });
      await rm(home, { recursive: true });
      home = await mkdtemp(join(root.path, 'home-'));
    },
    stop: () => root.stop(),
  };

  function inProject(command: string, ...args: string[]): Promise<FinishedCommand> {
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: home,
      LANG: 'C.UTF-8',
      POETRY_NO_INTERACTION: '1',
      POETRY_VIRTUALENVS_IN_PROJECT: 'true',
      PDM_CHECK_UPDATE: 'false',
      PDM_VENV_BACKEND: 'venv',
    };
    return machine.run('env', ['--chdir', project, command, ...args], { env, timeout: 180_000 });
  }
}

/** What Poetry and PDM both read. */
function toManifest(index: string, dependencies: readonly string[]): string {
  return `[project]
name = "lab"
version = "0"
requires-python = ">=3.11"
dependencies = ${JSON.stringify(dependencies)}

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "lab"
url = "${index}"
priority = "primary"

[tool.pdm]
distribution = false

[[tool.pdm.source]]
name = "pypi"
url = "${index}"
`;
}
