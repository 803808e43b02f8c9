import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import {
  type Artifact,
  type Content,
  describe,
  emptyConfig,
  jsonContent,
  makeArtifact,
  makeIndex,
} from './artifact.ts';
import { types } from './descriptor.ts';
import { writeTar } from './tar.ts';

/** The types of Helm's artifacts. */
export const helmTypes = {
  config: 'application/vnd.cncf.helm.config.v1+json',
  chart: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
} as const;

/** Makes a Helm chart. */
export function makeHelmChart(name: string, version: string): Artifact {
  const metadata = { apiVersion: 'v2', name, version, type: 'application' };
  const chart = writeTar([
    { name: `${name}/Chart.yaml`, body: Buffer.from(JSON.stringify(metadata)) },
    { name: `${name}/values.yaml`, body: Buffer.from(`unique: ${randomBytes(16).toString('hex')}\n`) },
  ]);
  const annotations = {
    'org.opencontainers.image.title': name,
    'org.opencontainers.image.version': version,
  };
  return makeArtifact(
    jsonContent(helmTypes.config, metadata),
    [{ mediaType: helmTypes.chart, body: gzipSync(chart) }],
    { annotations },
  );
}

/** Makes what Homebrew publishes of a formula: an index with a bottle for each platform. */
export function makeBottles(formula: string, version: string): Artifact {
  const entries = (['arm64_sequoia', 'x86_64_linux'] as const).map((tag) => {
    const [architecture, os] = tag === 'x86_64_linux' ? ['amd64', 'linux'] : ['arm64', 'darwin'];
    const archive = writeTar([
      { name: `${formula}/${version}/bin/${formula}`, body: randomBytes(4096), mode: 0o755 },
    ]);
    const bottle: Content = { mediaType: types.layer, body: gzipSync(archive) };
    const config = jsonContent(types.config, { architecture, os, rootfs: { type: 'layers', diff_ids: [] } });
    const artifact = makeArtifact(config, [bottle]);
    const annotations = {
      'org.opencontainers.image.ref.name': `${version}.${tag}`,
      'sh.brew.bottle.digest': describe(bottle).digest.replace('sha256:', ''),
      'sh.brew.bottle.size': String(bottle.body.length),
    };
    return { artifact, platform: { architecture, os }, annotations };
  });
  return makeIndex(entries, { 'com.github.package.type': 'homebrew_bottle' });
}

/** Makes an artifact that refers to another by its `subject`. */
export function makeReferrer(
  subject: Content,
  artifactType: string,
  annotations: Readonly<Record<string, string>> = {},
): Artifact {
  const statement = jsonContent(artifactType, { unique: randomBytes(16).toString('hex') });
  return makeArtifact(emptyConfig, [statement], { artifactType, subject, annotations });
}

/** Makes what cosign pushes with the tag `sha256-<hex>.sig`. */
export function makeSignature(subject: Artifact): Artifact {
  const payload = jsonContent('application/vnd.dev.cosign.simplesigning.v1+json', {
    critical: {
      image: { 'docker-manifest-digest': subject.digest },
      type: 'cosign container image signature',
    },
    optional: { unique: randomBytes(16).toString('hex') },
  });
  const config = jsonContent(types.config, { architecture: '', os: '', rootfs: { type: 'layers' } });
  return makeArtifact(config, [payload]);
}

/** The tag under which what belongs to a manifest is found without the referrers API: `sha256-<hex>`. */
export function fallbackTag(digest: string, suffix = ''): string {
  return `${digest.replace(':', '-')}${suffix}`;
}
