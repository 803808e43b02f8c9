import { gzipSync } from 'node:zlib';
import { hashOf, type Pages } from './sites.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

/** The layers of each image by its tag; of an index, of each image in it. */
export type Images = Readonly<Record<string, readonly string[] | readonly (readonly string[])[]>>;

/** The pages of a registry with one repository. */
export function registryPages(
  name: string,
  images: Images,
  referrers: Images = {},
): Record<string, Pages[string]> {
  const pages: Record<string, Pages[string]> = {};
  const put = (reference: string, text: string, type: string) => {
    const digest = `sha256:${hashOf(text)}`;
    const headers = { 'content-type': type, 'docker-content-digest': digest };
    for (const each of [reference, digest]) pages[`/v2/${name}/manifests/${each}`] = { headers, body: text };
    return { digest, size: text.length, mediaType: type };
  };
  const blob = (text: string) => {
    const digest = `sha256:${hashOf(text)}`;
    pages[`/v2/${name}/blobs/${digest}`] = text;
    return { digest, size: text.length };
  };
  const image = (reference: string, layers: readonly string[]) =>
    put(
      reference,
      JSON.stringify({ mediaType: MANIFEST, config: blob(`config of ${layers}`), layers: layers.map(blob) }),
      MANIFEST,
    );
  for (const [tag, layers] of Object.entries(images)) {
    const top = layers.every((layer) => typeof layer === 'string')
      ? image(tag, layers as readonly string[])
      : put(
          tag,
          JSON.stringify({
            mediaType: INDEX,
            manifests: (layers as readonly (readonly string[])[]).map((each, index) => ({
              ...image(`child-${index}`, each),
              platform: { os: 'linux', architecture: `arch${index}` },
            })),
          }),
          INDEX,
        );
    const signed = referrers[tag];
    if (signed)
      pages[`/v2/${name}/referrers/${top.digest}`] = JSON.stringify({
        manifests: [image(`signature-${tag}`, signed as readonly string[])],
      });
  }
  for (const key of Object.keys(pages)) if (/\/(?:child|signature)-\w+$/.test(key)) delete pages[key];
  const tags = Object.keys(images);
  const half = Math.ceil(tags.length / 2);
  pages[`/v2/${name}/tags/list?n=1000`] = {
    headers: {
      'content-type': 'application/json',
      link: `</v2/${name}/tags/list?n=1000&last=x>; rel="next"`,
    },
    body: JSON.stringify({ name, tags: tags.slice(0, half) }),
  };
  pages[`/v2/${name}/tags/list?n=1000&last=x`] = {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, tags: tags.slice(half) }),
  };
  return pages;
}

/** The pages of an npm registry with one package. */
export function npmPages(
  origin: string,
  name: string,
  versions: readonly string[],
  change: (packument: Packument) => void = () => {},
): Record<string, Pages[string]> {
  const packument: Packument = {
    name,
    'dist-tags': { latest: versions.at(-1) ?? '' },
    versions: Object.fromEntries(
      versions.map((version) => [
        version,
        {
          name,
          version,
          dist: {
            shasum: hashOf(version).slice(0, 40),
            integrity: `sha512-${hashOf(version)}`,
            tarball: `${origin}/${name}/-/${name.replace(/^.*\//, '')}-${version}.tgz`,
          },
        },
      ]),
    ),
  };
  change(packument);
  const tarballs = versions.map((version) => [
    `/${name}/-/${name.replace(/^.*\//, '')}-${version}.tgz`,
    `tarball of ${version}`,
  ]);
  const page = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(packument) };
  return { [`/${name.replace('/', '%2f')}`]: page, ...Object.fromEntries(tarballs) };
}

/** A package as its document has it. */
export interface Packument {
  readonly name: string;
  readonly 'dist-tags': Record<string, string>;
  readonly versions: Record<string, { dist: Record<string, string> }>;
}

/** The files of a project, of which a test changes some. */
export interface ProjectFile {
  filename: string;
  url: string;
  hashes: Record<string, string>;
  size?: number;
  yanked?: boolean | string;
  'requires-python'?: string;
  'core-metadata'?: boolean;
}

/** The pages of a Python index with one project, in JSON. */
export function pypiPages(
  project: string,
  names: readonly string[],
  change: (files: ProjectFile[]) => void = () => {},
): Record<string, Pages[string]> {
  const files = names.map((filename): ProjectFile => {
    const body = `file ${filename}`;
    return {
      filename,
      url: `../../packages/${filename}`,
      hashes: { sha256: hashOf(body) },
      size: body.length,
      'requires-python': '>=3.9',
      'core-metadata': true,
    };
  });
  change(files);
  const stored = names.flatMap((name) => [
    [`/packages/${name}`, `file ${name}`],
    [`/packages/${name}.metadata`, `metadata of ${name}`],
  ]);
  const body = JSON.stringify({ meta: { 'api-version': '1.0' }, name: project, files });
  const headers = { 'content-type': 'application/vnd.pypi.simple.v1+json' };
  return {
    [`/simple/${project}/`]: { headers, body },
    '/simple/': { headers, body: JSON.stringify({ meta: {}, projects: [{ name: project }] }) },
    ...Object.fromEntries(stored),
  };
}

/** The same page in HTML. */
export function toHtmlPage(page: Pages[string]): Pages[string] {
  const { files } = JSON.parse(String((page as { body: string }).body)) as { files: ProjectFile[] };
  const anchors = files.map((file) => {
    const python = file['requires-python'];
    const attributes = [
      python === undefined ? '' : ` data-requires-python="${python.replace('>', '&gt;')}"`,
      file.yanked ? ` data-yanked="${file.yanked === true ? '' : file.yanked}"` : '',
      file['core-metadata'] ? ' data-core-metadata="true"' : '',
    ];
    return `<a href="${file.url}#sha256=${file.hashes.sha256}"${attributes.join('')}>${file.filename}</a><br>`;
  });
  const body = `<!DOCTYPE html><html><body>${anchors.join('\n')}</body></html>`;
  return { headers: { 'content-type': 'text/html' }, body };
}

/** The pages of an apt repository of one suite. */
export function aptPages(
  packages: readonly string[],
  fields: Readonly<Record<string, string>> = {},
): Record<string, Pages[string]> {
  const entries = packages.map((name) => {
    const body = `deb ${name}`;
    return `Package: ${name}\nFilename: pool/main/${name}_1.0+b1_amd64.deb\nSize: ${body.length}\nSHA256: ${hashOf(body)}\n`;
  });
  const index = entries.join('\n');
  const zipped = gzipSync(index, { level: 9 });
  const source = packages.map((name) => `src ${name}`);
  const sources = packages
    .map(
      (name, index) =>
        `Package: ${name}\nDirectory: pool/main\nFiles:\n md5 1 ${name}_1.0.dsc\nChecksums-Sha256:\n ${hashOf(source[index] ?? '')} ${source[index]?.length} ${name}_1.0.dsc\nVersion: 1.0\n`,
    )
    .join('\n');
  const list = [
    [hashOf(sources), sources.length, 'main/source/Sources'],
    [hashOf(index), index.length, 'main/binary-amd64/Packages'],
    [hashOf(zipped), zipped.length, 'main/binary-amd64/Packages.gz'],
  ];
  const release = {
    Origin: 'Acme',
    Label: 'Acme',
    Suite: 'stable',
    Codename: 'anvil',
    Version: '1.0',
    Architectures: 'amd64 arm64',
    Components: 'main',
    'Acquire-By-Hash': 'yes',
    ...fields,
  };
  const text = `${Object.entries(release)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n')}\nSHA256:\n${list.map((line) => ` ${line.join(' ')}`).join('\n')}\n`;
  const folder = '/dists/stable';
  return {
    [`${folder}/InRelease`]: `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${text}-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n`,
    [`${folder}/main/binary-amd64/Packages.gz`]: zipped,
    [`${folder}/main/binary-amd64/by-hash/SHA256/${hashOf(zipped)}`]: zipped,
    [`${folder}/main/source/Sources`]: sources,
    [`${folder}/main/source/by-hash/SHA256/${hashOf(sources)}`]: sources,
    ...Object.fromEntries(packages.map((name) => [`/pool/main/${name}_1.0.dsc`, `src ${name}`])),
    ...Object.fromEntries(packages.map((name) => [`/pool/main/${name}_1.0%2bb1_amd64.deb`, `deb ${name}`])),
  };
}

/** The pages of an RPM repository. */
export function rpmPages(packages: readonly string[], salt = ''): Record<string, Pages[string]> {
  const bodies = packages.map((name) => `rpm ${name}`);
  const list = packages.map(
    (name, index) =>
      `<package type="rpm"><name>${name}</name><checksum type="sha256" pkgid="YES">${hashOf(bodies[index] ?? '')}</checksum><size package="${bodies[index]?.length}" installed="1" archive="1"/><location href="Packages/${name}-1.0.rpm"/></package>`,
  );
  const primary = gzipSync(`<?xml version="1.0"?><metadata>${salt}${list.join('\n')}</metadata>`, {
    level: 9,
  });
  const data = `<data type="primary"><checksum type="sha256">${hashOf(primary)}</checksum><location href="repodata/primary.xml.gz"/><size>${primary.length}</size><open-size>1</open-size></data>`;
  return {
    '/repodata/repomd.xml': `<?xml version="1.0"?><repomd xmlns="http://linux.duke.edu/metadata/repo">${data}</repomd>`,
    '/repodata/primary.xml.gz': primary,
    ...Object.fromEntries(packages.map((name, index) => [`/Packages/${name}-1.0.rpm`, bodies[index] ?? ''])),
  };
}

/** The pages of a chart repository. */
export function helmPages(
  charts: Readonly<Record<string, readonly string[]>>,
  digests: Readonly<Record<string, string>> = {},
): Record<string, Pages[string]> {
  const entries = Object.entries(charts).map(([name, versions]) => {
    const list = versions.map((version) => {
      const digest = digests[`${name}-${version}`] ?? hashOf(`${name}-${version}`);
      return `  - name: ${name}\n    version: ${version}\n    digest: ${digest}\n    urls:\n    - ${name}-${version}.tgz`;
    });
    return `  ${name}:\n${list.join('\n')}`;
  });
  const files = Object.entries(charts).flatMap(([name, versions]) =>
    versions.map((version) => [`/${name}-${version}.tgz`, `chart ${name} ${version}`]),
  );
  return {
    '/index.yaml': `apiVersion: v1\nentries:\n${entries.join('\n')}\n`,
    ...Object.fromEntries(files),
  };
}

/** The pages of a Maven repository with one artifact. */
export function mavenPages(
  versions: readonly string[],
  latest: string | undefined = versions.at(-1),
): Record<string, Pages[string]> {
  const files = versions.flatMap((version) =>
    ['pom', 'jar'].flatMap((extension) => {
      const path = `/dev/acme/cli/${version}/cli-${version}.${extension}`;
      const body = `${extension} of ${version}`;
      return [
        [path, body],
        [`${path}.sha1`, `${hashOf(body).slice(0, 40)}  cli.${extension}\n`],
      ];
    }),
  );
  const list = versions.map((version) => `<version>${version}</version>`).join('');
  return {
    '/dev/acme/cli/maven-metadata.xml': `<metadata><groupId>dev.acme</groupId><artifactId>cli</artifactId><versioning><latest>${latest}</latest><release>${latest}</release><versions>${list}</versions></versioning></metadata>`,
    ...Object.fromEntries(files),
  };
}

/** The pages of a binary cache with one store path. */
export function nixPages(fields: Readonly<Record<string, string>> = {}): Record<string, Pages[string]> {
  const info = {
    StorePath: `/nix/store/${'a'.repeat(32)}-acme-1.0`,
    URL: 'nar/abc.nar.xz',
    FileSize: '7',
    NarHash: 'sha256:abc',
    NarSize: '100',
    References: 'bbb-glibc ccc-zlib',
    Sig: 'acme-1:c2ln',
    ...fields,
  };
  const text = Object.entries(info).map(([key, value]) => `${key}: ${value}\n`);
  return { [`/${'a'.repeat(32)}.narinfo`]: text.join(''), '/nar/abc.nar.xz': 'archive' };
}
