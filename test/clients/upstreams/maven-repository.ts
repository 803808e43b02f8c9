import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { type Credentials, isBasic } from './credentials.ts';

/** The files of a repository by their paths, which start with a slash. */
export type MavenFiles = ReadonlyMap<string, Buffer>;

/** One version of an artifact. */
export interface MavenArtifact {
  /** @default com.acme */
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  /** The time of a snapshot's build, and its number. */
  readonly build?: string;
  /** What it depends on, as `name:version`. */
  readonly needs: readonly string[];
}

const ACME = 'com.acme';

/** Makes a repository of artifacts, each a jar with one file in it. */
export async function createMavenFiles(artifacts: readonly MavenArtifact[]): Promise<MavenFiles> {
  const files = new Map<string, Buffer>();
  for (const artifact of artifacts) {
    const { group = ACME, name, version, build } = artifact;
    const base = `/${group.replaceAll('.', '/')}/${name}`;
    const file = `${base}/${version}/${name}-${build ? version.replace('SNAPSHOT', build) : version}`;
    add(files, `${file}.pom`, toPom(artifact));
    add(files, `${file}.jar`, await createJar(`${name} ${version}\n`));
    add(files, `${base}/maven-metadata.xml`, toMetadata(artifact));
    if (build) add(files, `${base}/${version}/maven-metadata.xml`, toSnapshotMetadata(artifact, build));
  }
  return files;
}

/** Starts a repository below a path; with credentials, it serves nothing without them. */
export function startMavenRepository(
  files: MavenFiles,
  base: string,
  credentials?: Credentials,
): Promise<RecordingServer> {
  return startRecordingServer('127.0.0.2', (request, response) => {
    const path = request.url ?? '';
    const body = path.startsWith(base) ? files.get(path.slice(base.length)) : undefined;
    if (credentials && !isBasic(request.headers.authorization, credentials))
      response.writeHead(401, { 'www-authenticate': 'Basic realm="lab"' }).end();
    else if (!body) response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>');
    else response.writeHead(200, { 'content-length': body.length }).end(body);
  });
}

function add(files: Map<string, Buffer>, path: string, content: string | Buffer): void {
  const bytes = Buffer.from(content);
  files.set(path, bytes);
  for (const algorithm of ['md5', 'sha1', 'sha256'])
    files.set(`${path}.${algorithm}`, Buffer.from(createHash(algorithm).update(bytes).digest('hex')));
}

async function createJar(text: string): Promise<Buffer> {
  const folder = await createTemporaryFolder();
  await mkdir(join(folder.path, 'META-INF'));
  await writeFile(join(folder.path, 'META-INF/MANIFEST.MF'), 'Manifest-Version: 1.0\n\n');
  await writeFile(join(folder.path, 'name.txt'), text);
  const packed = ['META-INF/MANIFEST.MF', 'name.txt'];
  await runChecked('zip', ['-q', 'packed.zip', ...packed], { cwd: folder.path });
  const bytes = await readFile(join(folder.path, 'packed.zip'));
  await folder.stop();
  return bytes;
}

function coordinates(name: string, version: string, group = ACME): string {
  return `<groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version>`;
}

function toPom({ group, name, version, needs }: MavenArtifact): string {
  const dependencies = needs.map((need) => {
    const [other = '', wanted = ''] = need.split(':');
    return `<dependency>${coordinates(other, wanted)}</dependency>`;
  });
  return `<project><modelVersion>4.0.0</modelVersion>${coordinates(name, version, group)}<packaging>jar</packaging>
<dependencies>${dependencies.join('')}</dependencies></project>
`;
}

function toMetadata({ group = ACME, name, version }: MavenArtifact): string {
  return `<metadata><groupId>${group}</groupId><artifactId>${name}</artifactId><versioning>
<latest>${version}</latest><versions><version>${version}</version></versions>
</versioning></metadata>
`;
}

function toSnapshotMetadata({ name, version }: MavenArtifact, build: string): string {
  const [timestamp = '', number = ''] = build.split('-');
  const precise = version.replace('SNAPSHOT', build);
  const updated = timestamp.replace('.', '');
  const of = ['jar', 'pom'].map(
    (type) =>
      `<snapshotVersion><extension>${type}</extension><value>${precise}</value><updated>${updated}</updated></snapshotVersion>`,
  );
  return `<metadata modelVersion="1.1.0">${coordinates(name, version)}<versioning>
<snapshot><timestamp>${timestamp}</timestamp><buildNumber>${number}</buildNumber></snapshot>
<lastUpdated>${updated}</lastUpdated><snapshotVersions>${of.join('')}</snapshotVersions>
</versioning></metadata>
`;
}
