import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A configuration, with a terraform that has nothing of the machine's. */
export interface TerraformProject extends Stoppable {
  /** Runs terraform in the project. */
  terraform(...args: string[]): Promise<FinishedCommand>;
  /** The lock file. */
  lockFile(): Promise<string>;
  /** What of modules is installed. */
  modules(): Promise<string>;
  /** Reads a file that was installed. */
  read(path: string): Promise<string>;
  /** Removes what is installed. */
  clean(): Promise<void>;
}

/**
 * Creates a project of a configuration, with the settings of the program, and the certificates that it trusts.
 *
 * @throws Error There is no terraform on this machine; its packages are not Debian's.
 */
export async function createTerraformProject(
  configuration: string,
  settings: string,
  certificateFile: string,
): Promise<TerraformProject> {
  const home = await createTemporaryFolder();
  const project = join(home.path, 'project');
  await mkdir(project);
  await writeFile(join(project, 'main.tf'), configuration);
  const settingsFile = join(home.path, 'terraformrc');
  await writeFile(settingsFile, settings);
  const env = {
    PATH: process.env.PATH,
    HOME: home.path,
    TF_CLI_CONFIG_FILE: settingsFile,
    SSL_CERT_FILE: certificateFile,
    CHECKPOINT_DISABLE: '1',
  };
  const terraform = (...args: string[]): Promise<FinishedCommand> =>
    run('terraform', args, { cwd: project, env, timeout: 120_000 });
  const version = await terraform('version');
  if (!version.ok) {
    await home.stop();
    throw new Error(`These tests need terraform on the PATH, from its own site:\n${version.output}`);
  }
  return {
    terraform,
    lockFile: () => readFile(join(project, '.terraform.lock.hcl'), 'utf8'),
    modules: () => readFile(join(project, '.terraform/modules/modules.json'), 'utf8'),
    read: (path) => readFile(join(project, '.terraform', path), 'utf8'),
    clean: () => rm(join(project, '.terraform'), { recursive: true, force: true }),
    stop: home.stop,
  };
}
