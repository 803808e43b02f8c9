import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import type { Store } from './store.ts';

/** Makes a file that is replaced by renaming, as most programs do. */
export async function startFile(): Promise<Store> {
  const folder = await createTemporaryFolder();
  const file = join(folder.path, 'turnout.yaml');
  return {
    address: file,
    env: {},
    async put(text) {
      await writeFile(`${file}~`, text);
      await rename(`${file}~`, file);
    },
    get: () => readFile(file, 'utf8'),
    kill: () => rename(file, `${file}.away`),
    async revive() {
      await rename(`${file}.away`, file);
      await rm(`${file}.away`, { force: true });
    },
    stop: () => folder.stop(),
  };
}
