import { expect } from 'vitest';

import type { Cleanup } from './lab/cleanup.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { type ClientName, openOciClients } from './oci-clients.ts';
import type { Docker } from './programs/docker.ts';
import type { OciClient } from './programs/oci-client.ts';
import type { Skopeo } from './programs/skopeo.ts';
import { type BlobStore, startBlobStore } from './upstreams/blob-store.ts';
import { type Image, type ImageWorkshop, openImageWorkshop } from './upstreams/image.ts';
import { createImageStore, type ImageStore } from './upstreams/image-store.ts';

export { type ClientName, clientNames } from './oci-clients.ts';

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
  const [clients, blobStore] = await Promise.all([openOciClients(cleanup), cleanup.use(startBlobStore())]);
  return {
    folder,
    workshop: await openImageWorkshop(folder),
    blobStore,
    skopeo: clients.skopeo,
    docker: clients.docker,
    clients: clients.all,
    createStore: () => cleanup.use(createImageStore(folder)),
  };
}

/** Pulls an image, which has to arrive, and as it was pushed. */
export async function pullImage(client: OciClient, reference: string, image: Image): Promise<void> {
  const { ok, output, digests } = await client.pull(reference);
  expect(ok, `${client.name}: ${output}`).toBe(true);
  expect(digests, client.name).toContain(image.digest);
}
