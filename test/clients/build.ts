import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { run } from './lab/command.ts';

/** The root of the project. */
const projectRoot: string = fileURLToPath(new URL('../..', import.meta.url));

/** The program under test, as it is published. */
export const turnoutProgram: string = join(projectRoot, 'dist/cli/turnout.js');

/** Builds the program under test, unless it is newer than every source file. */
export async function build(): Promise<void> {
  if ((await newest(join(projectRoot, 'src'))) <= (await modified(turnoutProgram))) return;

  const built = await run('npm', ['run', 'build'], { cwd: projectRoot, timeout: 180_000 });
  if (!built.ok) throw new Error(`npm run build failed:\n${built.output}`);
}

async function newest(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Math.max(...(await Promise.all(files.map((file) => modified(join(file.parentPath, file.name))))));
}

async function modified(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}
