import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Stoppable } from './cleanup.ts';
import { run } from './command.ts';

/** A folder that goes when it is stopped. */
export interface TemporaryFolder extends Stoppable {
  readonly path: string;
}

/** Creates a temporary folder. Its path is short enough for a socket in it (108 bytes). */
export async function createTemporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'turnout-lab-'));
  return {
    path,
    async stop() {
      await unmountBelow(path);
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

/** Container engines may leave a mount behind, and a mounted folder can't be removed. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '');
  const points = mounts.split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const point of points.reverse()) {
    if (point.startsWith(`${folder}/`)) await run('umount', ['--lazy', point]);
  }
}
