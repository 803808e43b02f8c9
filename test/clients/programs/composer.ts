import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A project folder, with a Composer that has nothing of the machine's. */
export interface ComposerProject extends Stoppable {
  /** Runs Composer in the project. */
  composer(...args: string[]): Promise<FinishedCommand>;
  /** Runs a piece of PHP in the project. */
  php(code: string): Promise<FinishedCommand>;
  /** The lock file. */
  lockFile(): Promise<string>;
  /** Changes where packages come from. */
  moveTo(repository: string): Promise<void>;
  /** Removes what is installed, and everything that Composer remembers. */
  clean(): Promise<void>;
}

/** Creates a project with requirements, all from one repository. */
export async function createComposerProject(
  repository: string,
  require: Readonly<Record<string, string>>,
): Promise<ComposerProject> {
  const root = await createTemporaryFolder();
  const project = join(root.path, 'project');
  await mkdir(project);
  let home = await mkdtemp(join(root.path, 'home-'));
  const moveTo = (url: string): Promise<void> => {
    const repositories = [{ type: 'composer', url }, { 'packagist.org': false }];
    const manifest = { name: 'lab/project', require, repositories, config: { 'secure-http': false } };
    return writeFile(join(project, 'composer.json'), JSON.stringify(manifest));
  };
  await moveTo(repository);

  return {
    composer: (...args) => inProject('composer', ['--no-interaction', '--no-ansi', ...args]),
    php: (code) => inProject('php', ['-r', code]),
    moveTo,
    lockFile: () => readFile(join(project, 'composer.lock'), 'utf8'),
    async clean() {
      await rm(join(project, 'vendor'), { recursive: true, force: true });
      await rm(home, { recursive: true });
      home = await mkdtemp(join(root.path, 'home-'));
    },
    stop: () => root.stop(),
  };

  function inProject(command: string, args: readonly string[]): Promise<FinishedCommand> {
    const env = { PATH: process.env.PATH, HOME: home, COMPOSER_HOME: home, COMPOSER_ALLOW_SUPERUSER: '1' };
    return run(command, args, { cwd: project, env, timeout: 120_000 });
  }
}
