import { type Descriptor, digestOf, types } from './descriptor.ts';
import type { Image } from './image.ts';

/** Bytes with their type. */
export interface Content {
  readonly mediaType: string;
  readonly body: Buffer;
}

/** A manifest or an index with all that it leads to, ready to be pushed. */
export interface Artifact extends Image {
  readonly mediaType: string;
  /** The manifest. */
  readonly body: Buffer;
  /** Configuration and layers. */
  readonly contents: readonly Content[];
  /** The manifests of an index. */
  readonly children: readonly Artifact[];
}

/** What a manifest says beside its contents. */
export interface ManifestOptions {
  /** @default the type of OCI's manifests */
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What this refers to. */
  readonly subject?: Content;
}

/** The content of a configuration that has nothing to say (image specification, "Guidelines for Artifact Usage"). */
export const emptyConfig: Content = { mediaType: types.empty, body: Buffer.from('{}') };

/** The descriptor of a content. */
export function describe({ mediaType, body }: Content): Descriptor {
  return { mediaType, digest: digestOf(body), size: body.length };
}

/** Makes a content of a value. */
export function jsonContent(mediaType: string, value: unknown): Content {
  return { mediaType, body: Buffer.from(JSON.stringify(value)) };
}

/** Makes an artifact of a configuration and layers. */
export function makeArtifact(
  config: Content,
  layers: readonly Content[],
  { mediaType = types.manifest, subject, ...rest }: ManifestOptions = {},
): Artifact {
  const manifest = jsonContent(mediaType, {
    schemaVersion: 2,
    mediaType,
    config: describe(config),
    layers: layers.map(describe),
    ...(subject && { subject: describe(subject) }),
    ...rest,
  });
  const contents = [config, ...layers];
  const blobs = contents.map(({ body }) => digestOf(body));
  return { ...manifest, digest: digestOf(manifest.body), blobs, contents, children: [] };
}

/** One manifest of an index, and what the index says of it. */
export interface IndexEntry extends Pick<Descriptor, 'platform' | 'annotations'> {
  readonly artifact: Artifact;
}

/** Makes an index. */
export function makeIndex(
  entries: readonly IndexEntry[],
  annotations?: Readonly<Record<string, string>>,
): Artifact {
  const manifests = entries.map(({ artifact, ...said }) => ({ ...describe(artifact), ...said }));
  const index = jsonContent(types.index, {
    schemaVersion: 2,
    mediaType: types.index,
    manifests,
    annotations,
  });
  const children = entries.map(({ artifact }) => artifact);
  const blobs = children.flatMap((child) => child.blobs);
  return { ...index, digest: digestOf(index.body), blobs, contents: [], children };
}
