import { expect } from 'vitest';

import type { Cleanup } from './lab/cleanup.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { openContainerd } from './programs/containerd.ts';
import { type Docker, openDocker } from './programs/docker.ts';
import type { OciClient } from './programs/oci-client.ts';
import { openPodman } from './programs/podman.ts';
import { openSkopeo, type Skopeo } from './programs/skopeo.ts';
import { type BlobStore, startBlobStore } from './upstreams/blob-store.ts';
import { type Image, type ImageWorkshop, openImageWorkshop } from './upstreams/image.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';

/** The names of the clients, to make tests of before there are clients. */
export const clientNames = ['skopeo', 'podman', 'docker', 'ctr'] as const;

/** The name of a client. */
export type ClientName = (typeof clientNames)[number];

/** What every test of images needs. */
export interface OciLab {
  readonly folder: string;
  readonly workshop: ImageWorkshop;
  readonly blobStore: BlobStore;
  readonly skopeo: Skopeo;
  readonly docker: Docker;
  readonly clients: Readonly<Record<ClientName, OciClient>>;
  /** Creates an empty storage for registries. */
  createStore(): Promise<ImageStore>;
}

/** Starts the clients and the blob store. */
export async function openOciLab(cleanup: Cleanup): Promise<OciLab> {
  const folder = (await cleanup.use(createTemporaryFolder())).path;
  const [skopeo, podman, docker, ctr, blobStore] = await Promise.all([
    cleanup.use(openSkopeo()),
    cleanup.use(openPodman()),
    cleanup.use(openDocker()),
    cleanup.use(openContainerd()),
    cleanup.use(startBlobStore()),
  ]);
  return {
    folder,
    workshop: await openImageWorkshop(folder),
    blobStore,
    skopeo,
    docker,
    clients: { skopeo, podman, docker, ctr },
    createStore: () => cleanup.use(createImageStore(folder)),
  };
}

/** Pulls an image, which has to arrive, and as it was pushed. */
export async function pullImage(client: OciClient, reference: string, image: Image): Promise<void> {
  const { ok, output, digests } = await client.pull(reference);
  expect(ok, `${client.name}: ${output}`).toBe(true);
  expect(digests, client.name).toContain(image.digest);
}
