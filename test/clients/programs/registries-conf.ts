import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type FinishedCommand, run } from '../lab/command.ts';

/** The programs that read `registries.conf`, with a mirror in it. */
export interface MirrorUsers {
  /** Copies an image into a folder. */
  skopeo(reference: string): Promise<FinishedCommand>;
  /** Pulls an image, and prints what it is known by. */
  podman(reference: string): Promise<FinishedCommand>;
}

/** Writes a `registries.conf` for a registry that has a mirror. */
export async function useMirror(folder: string, prefix: string, mirror: string): Promise<MirrorUsers> {
  const home = await mkdtemp(join(folder, 'mirror-'));
  const file = join(home, 'registries.conf');
  await writeFile(
    file,
    `[[registry]]\nlocation = "${prefix}"\n\n[[registry.mirror]]\nlocation = "${mirror}"\ninsecure = true\n`,
  );
  const env = { PATH: process.env.PATH, HOME: home, CONTAINERS_REGISTRIES_CONF: file };
  const storage = [
    ['--root', join(home, 'root')],
    ['--runroot', join(home, 'runroot')],
    ['--tmpdir', join(home, 'tmp')],
    ['--storage-driver', 'vfs'],
  ].flat();
  return {
    async skopeo(reference) {
      const target = await mkdtemp(join(home, 'image-'));
      return run('skopeo', ['--registries-conf', file, 'copy', `docker://${reference}`, `dir:${target}`], {
        env,
      });
    },
    podman: (reference) => run('podman', [...storage, 'pull', reference], { env }),
  };
}
