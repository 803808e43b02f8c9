import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

const require = createRequire(import.meta.url);

/** NuGet's own command line, which speaks what dotnet speaks; dotnet itself is in none of Debian's packages. */
const program = require.resolve('nuget-exe');

/** A project folder, with a NuGet that has nothing of the machine's. */
export interface NugetProject extends Stoppable {
  /** Runs NuGet in the project. */
  nuget(...args: string[]): Promise<FinishedCommand>;
  /** The text of a file in the project. */
  read(path: string): Promise<string>;
  /** Removes what is installed, and everything that NuGet remembers. */
  clean(): Promise<void>;
}

/** Creates a project with packages of exactly these versions, all from one source. */
export async function createNugetProject(
  source: string,
  packages: Readonly<Record<string, string>>,
): Promise<NugetProject> {
  const root = await createTemporaryFolder();
  const project = join(root.path, 'project');
  await mkdir(project);
  let home = await mkdtemp(join(root.path, 'home-'));
  const sources = `<packageSources><clear /><add key="lab" value="${source}" protocolVersion="3" /></packageSources>`;
  await writeFile(join(project, 'nuget.config'), `<configuration>${sources}</configuration>\n`);
  const entries = Object.entries(packages).map(
    ([id, version]) => `<package id="${id}" version="${version}" targetFramework="net472" />`,
  );
  await writeFile(join(project, 'packages.config'), `<packages>${entries.join('')}</packages>\n`);

  return {
    nuget: (...args) => {
      const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home };
      const all = [program, ...args, '-NonInteractive'];
      return run('mono', all, { cwd: project, env, timeout: 120_000 });
    },
    read: (path) => readFile(join(project, path), 'utf8'),
    async clean() {
      await rm(join(project, 'packages'), { recursive: true, force: true });
      await rm(home, { recursive: true });
      home = await mkdtemp(join(root.path, 'home-'));
    },
    stop: () => root.stop(),
  };
}
