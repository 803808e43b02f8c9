import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A project folder, with a gem and a Bundler that have nothing of the machine's. */
export interface RubyProject extends Stoppable {
  /** Runs gem, which installs into the project. */
  gem(...args: string[]): Promise<FinishedCommand>;
  /** Runs Bundler in the project. */
  bundle(...args: string[]): Promise<FinishedCommand>;
  /** The lock file. */
  lockFile(): Promise<string>;
  /** Writes the Gemfile anew. */
  demand(lines: readonly string[]): Promise<void>;
  /** Removes what is installed, and, unless it should be kept, everything that the clients remember. */
  clean(what?: 'installed' | 'all'): Promise<void>;
}

/** Creates a project with gems from one source. */
export async function createRubyProject(source: string, lines: readonly string[]): Promise<RubyProject> {
  const root = await createTemporaryFolder();
  const project = join(root.path, 'project');
  await mkdir(project);
  let gems = await mkdtemp(join(root.path, 'gems-'));
  let home = await mkdtemp(join(root.path, 'home-'));
  const demand = (wanted: readonly string[]): Promise<void> =>
    writeFile(join(project, 'Gemfile'), [`source '${source}'`, ...wanted, ''].join('\n'));
  await demand(lines);

  return {
    gem: (...args) => inProject('gem', args),
    bundle: (...args) => inProject('bundle', args),
    lockFile: () => readFile(join(project, 'Gemfile.lock'), 'utf8'),
    demand,
    async clean(what = 'all') {
      await rm(gems, { recursive: true });
      gems = await mkdtemp(join(root.path, 'gems-'));
      await rm(join(project, '.bundle'), { recursive: true, force: true });
      await rm(join(project, 'vendor'), { recursive: true, force: true });
      if (what === 'installed') return;
      await rm(home, { recursive: true });
      home = await mkdtemp(join(root.path, 'home-'));
    },
    stop: () => root.stop(),
  };

  function inProject(command: string, args: readonly string[]): Promise<FinishedCommand> {
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      XDG_CACHE_HOME: join(home, '.cache'),
      GEM_HOME: gems,
      GEM_PATH: gems,
      BUNDLE_SILENCE_ROOT_WARNING: 'true',
      BUNDLE_RETRY: '0',
      BUNDLE_JOBS: '1',
    };
    return run(command, args, { cwd: project, env, timeout: 120_000 });
  }
}
