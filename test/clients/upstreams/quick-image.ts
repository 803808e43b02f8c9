import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { type Artifact, type Content, jsonContent, makeArtifact } from './artifact.ts';
import { digestOf, types } from './descriptor.ts';
import { writeTar } from './tar.ts';

/** What a quick image is like. */
export interface QuickImageOptions {
  /** How many layers it has. @default 1 */
  readonly layers?: number;
  /** How many bytes the file of a layer has; they cannot be compressed. @default 2048 */
  readonly size?: number;
  /** The types that its manifest names. @default 'oci' */
  readonly format?: 'oci' | 'docker';
}

/** Go's word for this machine. */
const architecture: string = process.arch === 'x64' ? 'amd64' : process.arch;

const formats = {
  oci: types,
  docker: {
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
} as const;

/** Makes an image for this machine's platform, in a millisecond, whose layers no other image has. */
export function makeQuickImage({
  layers: count = 1,
  size = 2048,
  format = 'oci',
}: QuickImageOptions = {}): Artifact {
  const type = formats[format];
  const archives = Array.from({ length: count }, (_, index) =>
    writeTar([{ name: `unique-${index}`, body: randomBytes(size) }]),
  );
  const layers = archives.map(
    (archive): Content => ({ mediaType: type.layer, body: gzipSync(archive, { level: 1 }) }),
  );
  const config = jsonContent(type.config, {
    architecture,
    os: 'linux',
    config: { Cmd: ['/unique-0'] },
    rootfs: { type: 'layers', diff_ids: archives.map((archive) => digestOf(archive)) },
    history: archives.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: 'lab' })),
  });
  return makeArtifact(config, layers, { mediaType: type.manifest });
}
