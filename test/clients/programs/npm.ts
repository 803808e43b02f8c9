import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { hide } from '../lab/hide.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import type { NpmUpstream } from '../upstreams/npm-upstream.ts';

/** One package of a lock file. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
}

/** A project folder, with an npm that has nothing of the machine's but the certificates. */
export interface NpmProject extends Stoppable {
  /** Runs npm in the project. */
  npm(...args: string[]): Promise<FinishedCommand>;
  /** Runs a piece of JavaScript in the project. */
  node(code: string): Promise<FinishedCommand>;
  /** What is locked. */
  locked(): Promise<LockedPackage[]>;
  /** The lock file. */
  lockFile(): Promise<string>;
  /** Removes what is installed, and everything that npm remembers. */
  clean(): Promise<void>;
}

/** Creates a project with dependencies and with settings, the lines of its `.npmrc`. */
export async function createNpmProject(
  dependencies: Readonly<Record<string, string>>,
  settings: readonly string[],
  upstream: NpmUpstream,
): Promise<NpmProject> {
  const home = await createTemporaryFolder();
  const project = join(home.path, 'project');
  const lockPath = join(project, 'package-lock.json');
  await mkdir(project);
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({ name: 'lab', private: true, dependencies }),
  );
  const certificates = upstream.certificateFile ? [`cafile=${upstream.certificateFile}`] : [];
  const quiet = ['fund=false', 'update-notifier=false', 'progress=false', 'fetch-retries=0'];
  const userConfig = join(home.path, 'npmrc');
  await writeFile(userConfig, [...certificates, ...quiet, ...settings, ''].join('\n'));
  let cache = await mkdtemp(join(home.path, 'cache-'));

  const lockFile = (): Promise<string> => readFile(lockPath, 'utf8');
  return {
    npm: (...args) => inProject('npm', args),
    node: (code) => inProject(process.execPath, ['--eval', code]),
    lockFile,
    async locked() {
      const { packages } = JSON.parse(await lockFile()) as { packages: Record<string, LockedPackage> };
      const entries = Object.entries(packages).filter(([path]) => path !== '');
      return entries.map(([path, entry]) => ({ ...entry, name: path.replace(/^.*node_modules\//, '') }));
    },
    async clean() {
      await rm(join(project, 'node_modules'), { recursive: true, force: true });
      await rm(cache, { recursive: true });
      cache = await mkdtemp(join(home.path, 'cache-'));
    },
    stop: () => home.stop(),
  };

  async function inProject(command: string, args: readonly string[]): Promise<FinishedCommand> {
    const { ok, stdout, output } = await run(command, args, {
      cwd: project,
      env: environment(),
      timeout: 120_000,
    });
    return { ok, stdout: hide(stdout, upstream.host), output: hide(output, upstream.host) };
  }

  function environment(): NodeJS.ProcessEnv {
    // A surrounding npm hands its settings on in the environment.
    const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
    return {
      ...Object.fromEntries(inherited),
      HOME: home.path,
      npm_config_cache: cache,
      npm_config_userconfig: userConfig,
      npm_config_globalconfig: join(home.path, 'no-npmrc'),
    };
  }
}
