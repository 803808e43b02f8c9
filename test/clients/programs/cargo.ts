import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A program with dependencies, and a Cargo that has nothing of the machine's but its toolchain. */
export interface CargoProject extends Stoppable {
  /** Runs Cargo in the project. */
  cargo(...args: string[]): Promise<FinishedCommand>;
  /** The lock file. */
  lockFile(): Promise<string>;
  /** Removes what is built, and everything that Cargo has fetched. */
  clean(): Promise<void>;
}

/** Creates a project; `config` is Cargo's `config.toml`, and `dependencies` what stands below that in `Cargo.toml`. */
export async function createCargoProject(
  config: string,
  dependencies: string,
  main: string,
  env: NodeJS.ProcessEnv = {},
): Promise<CargoProject> {
  const folder = await createTemporaryFolder();
  const project = join(folder.path, 'project');
  const home = join(folder.path, 'cargo');
  await mkdir(join(project, 'src'), { recursive: true });
  await mkdir(home);
  await writeFile(join(home, 'config.toml'), `[net]\nretry = 0\n${config}`);
  await writeFile(
    join(project, 'Cargo.toml'),
    `[package]
name = "lab"
version = "0.1.0"
edition = "2021"

[dependencies]
${dependencies}
`,
  );
  await writeFile(join(project, 'src/main.rs'), main);
  // A toolchain's launcher looks for it in the home of the person.
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^cargo_/i.test(name)),
  );
  return {
    cargo: (...args) =>
      run('cargo', args, {
        cwd: project,
        env: { ...inherited, CARGO_HOME: home, ...env },
        timeout: 120_000,
      }),
    lockFile: () => readFile(join(project, 'Cargo.lock'), 'utf8'),
    async clean() {
      await rm(join(project, 'target'), { recursive: true, force: true });
      await rm(join(home, 'registry'), { recursive: true, force: true });
    },
    stop: () => folder.stop(),
  };
}
