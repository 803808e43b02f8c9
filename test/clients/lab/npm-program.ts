import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { runChecked } from './command.ts';

/** Where programs stay that are too large for every checkout. */
const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'turnout-lab');

/** Installs a program from npm, once for this machine; gives the folder of its `node_modules`. */
export async function installNpmProgram(name: string, version: string): Promise<string> {
  const home = join(folder, `${name.replace('/', '+')}-${version}`);
  const modules = join(home, 'node_modules');
  if (existsSync(home)) return modules;
  await mkdir(folder, { recursive: true });
  const made = await mkdtemp(join(folder, 'making-'));
  await writeFile(join(made, 'package.json'), '{"private":true}');
  await runChecked('npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`], {
    cwd: made,
    timeout: 300_000,
  });
  // Another run may have been faster; one is as good as the other.
  await rename(made, home).catch(() => rm(made, { recursive: true, force: true }));
  return modules;
}
