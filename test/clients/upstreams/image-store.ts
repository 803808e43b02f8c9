import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { runChecked } from '../lab/command.ts';
import { type Artifact, describe } from './artifact.ts';
import type { Descriptor } from './descriptor.ts';
import { startDockerRegistry } from './docker-registry.ts';
import type { ImageInLayout } from './image.ts';
import { pushArtifact } from './push.ts';

/** A registry's storage, and the way in. */
export interface ImageStore extends Stoppable {
  /** The root folder of a `docker-registry`'s file storage. */
  readonly folder: string;
  /** Pushes an image, all platforms of it. */
  push(image: ImageInLayout, repository: string, tag: string): Promise<void>;
  /** Pushes an artifact in a few milliseconds, under its digest when it gets no tag. */
  put<A extends Artifact>(artifact: A, repository: string, tag?: string): Promise<A>;
  /** Whether an image was pushed to a repository. */
  has(repository: string): boolean;
  /** What was put into a repository with a manifest as its `subject`. */
  referrers(repository: string, digest: string): readonly Descriptor[];
}

/** Creates an empty storage in a folder. */
export async function createImageStore(parent: string): Promise<ImageStore> {
  const folder = join(await mkdtemp(join(parent, 'store-')), 'registry');
  await mkdir(folder);
  const door = await startDockerRegistry(folder);
  const repositories = new Set<string>();
  const referrers = new Map<string, Descriptor[]>();
  return {
    folder,
    has: (repository) => repositories.has(repository),
    referrers: (repository, digest) => referrers.get(`${repository}@${digest}`) ?? [],
    async push({ layout }, repository, tag) {
      const target = `docker://${door.authority}/${repository}:${tag}`;
      const args = ['copy', '--all', '--quiet', '--dest-tls-verify=false', `oci:${layout}`, target];
      await runChecked('skopeo', args);
      repositories.add(repository);
    },
    async put(artifact, repository, tag = artifact.digest) {
      await pushArtifact(`http://${door.authority}`, repository, tag, artifact);
      repositories.add(repository);
      const { subject, descriptor } = readReferrer(artifact);
      if (subject !== undefined) {
        const key = `${repository}@${subject}`;
        referrers.set(key, [...(referrers.get(key) ?? []), descriptor]);
      }
      return artifact;
    },
    stop: () => door.stop(),
  };
}

/** Distribution specification, "Listing Referrers": what a list says of a manifest, and which it belongs to. */
function readReferrer(artifact: Artifact): { readonly subject?: string; readonly descriptor: Descriptor } {
  const { subject, config, annotations, artifactType } = JSON.parse(artifact.body.toString()) as {
    readonly subject?: Descriptor;
    readonly config?: Descriptor;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly artifactType?: string;
  };
  const type = artifactType ?? config?.mediaType;
  const descriptor = {
    ...describe(artifact),
    ...(type !== undefined && { artifactType: type }),
    ...(annotations && { annotations }),
  };
  return subject ? { subject: subject.digest, descriptor } : { descriptor };
}
