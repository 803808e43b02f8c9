import { type Artifact, makeIndex } from './upstreams/artifact.ts';
import { makeReferrer } from './upstreams/artifacts.ts';
import type { ImageStore } from './upstreams/image-store.ts';
import { makeQuickImage } from './upstreams/quick-image.ts';

/** What the repository of the conformance tests has. */
export interface Stock {
  readonly image: Artifact;
  readonly dockerImage: Artifact;
  readonly index: Artifact;
  /** The digest of a layer. */
  readonly layer: string;
  readonly referrers: readonly Artifact[];
  readonly tags: readonly string[];
}

/** The types of the referrers. */
export const referrerTypes = ['application/spdx+json', 'application/vnd.lab.signature'] as const;

/** Makes what a repository is filled with. */
export function makeStock(): Stock {
  const image = makeQuickImage({ layers: 2 });
  const dockerImage = makeQuickImage({ format: 'docker' });
  const index = makeIndex([
    { artifact: makeQuickImage(), platform: { os: 'linux', architecture: 'amd64' } },
    { artifact: makeQuickImage(), platform: { os: 'linux', architecture: 'arm64' } },
  ]);
  const referrers = Array.from({ length: 5 }, (_, number) =>
    makeReferrer(image, referrerTypes[number % 2] ?? '', { 'org.lab.number': String(number) }),
  );
  const tags = ['docker', 'index', 'v1', 'v2', 'v3', 'v4', 'v5'];
  return { image, dockerImage, index, layer: image.blobs[1] ?? '', referrers, tags };
}

/** Fills a repository. */
export async function fill(store: ImageStore, repository: string, stock: Stock): Promise<void> {
  for (const tag of stock.tags) {
    const artifact = { docker: stock.dockerImage, index: stock.index }[tag] ?? stock.image;
    await store.put(artifact, repository, tag);
  }
  for (const referrer of stock.referrers) await store.put(referrer, repository);
}
