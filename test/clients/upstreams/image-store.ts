import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { runChecked } from '../lab/command.ts';
import { startDockerRegistry } from './docker-registry.ts';
import type { Image } from './image.ts';

/** A registry's storage, and the way in. */
export interface ImageStore extends Stoppable {
  /** The root folder of a `docker-registry`'s file storage. */
  readonly folder: string;
  /** Pushes an image, all platforms of it. */
  push(image: Image, repository: string, tag: string): Promise<void>;
  /** Whether an image was pushed to a repository. */
  has(repository: string): boolean;
}

/** Creates an empty storage in a folder. */
export async function createImageStore(parent: string): Promise<ImageStore> {
  const folder = join(await mkdtemp(join(parent, 'store-')), 'registry');
  await mkdir(folder);
  const door = await startDockerRegistry(folder);
  const repositories = new Set<string>();
  return {
    folder,
    has: (repository) => repositories.has(repository),
    async push({ layout }, repository, tag) {
      const target = `docker://${door.authority}/${repository}:${tag}`;
      const args = ['copy', '--all', '--quiet', '--dest-tls-verify=false', `oci:${layout}`, target];
      await runChecked('skopeo', args);
      repositories.add(repository);
    },
    stop: () => door.stop(),
  };
}
