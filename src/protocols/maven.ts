/**
 * Maven repositories: what Maven, Gradle, sbt and others resolve from.
 *
 * @see https://maven.apache.org/repository/layout.html
 * @module
 */

import { refusePlainly, refuseWriting } from '../core/plain-refusal.ts';
import type { Protocol } from '../core/protocol.ts';

/** A file of one version: a jar, a POM, or what stands beside it, such as a checksum. */
export interface MavenFile {
  /** The kind of resource. */
  readonly type: 'file';
  /** The groupId, with dots. */
  readonly groupId: string;
  /** The artifactId. */
  readonly artifactId: string;
  /** The version; of a snapshot, the one that ends with `-SNAPSHOT`. */
  readonly version: string;
  /** The file's name. */
  readonly file: string;
}

/** What versions there are, `maven-metadata.xml`, or a checksum of that. */
export interface MavenMetadata {
  /** The kind of resource. */
  readonly type: 'metadata';
  /** The groupId, with dots. */
  readonly groupId: string;
  /** The artifactId; absent for a group of one word. */
  readonly artifactId?: string;
  /** The snapshot; absent for all versions. */
  readonly version?: string;
  /** The file's name. */
  readonly file: string;
}

/** The list of all archetypes: `/archetype-catalog.xml`. */
export interface MavenCatalog {
  /** The kind of resource. */
  readonly type: 'catalog';
  /** The file's name. */
  readonly file: string;
}

/** What a repository says of all that it has: `/.meta/prefixes.txt`. */
export interface MavenPrefixes {
  /** The kind of resource. */
  readonly type: 'prefixes';
  /** The file's name. */
  readonly file: string;
}

/** A request that would deploy something. */
export interface MavenWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** What would be written. */
  readonly target: MavenFile | MavenMetadata;
}

/** Anything that a client asks of a Maven repository. */
export type MavenResource = MavenFile | MavenMetadata | MavenCatalog | MavenPrefixes | MavenWrite;

// A groupId's dots are slashes in a path, so that none is left in a segment (repository layout).
const GROUP = /^\/([\w-]+(?:\/[\w-]+)*)$/;
const NAME = /^[\w-][\w.-]*$/;
const VERSION = /^[\w~+-][\w.~+-]*$/;
const METADATA = /^maven-metadata\.xml(?:\.(?:asc|md5|sha1|sha256|sha512))*$/;
const CATALOG = /^\/(archetype-catalog\.xml(?:\.(?:asc|md5|sha1|sha256|sha512))*)$/;
const PREFIXES = /^\/\.meta\/([\w-][\w.-]*)$/;
const SIDE_FILE = /\.(?:asc|md5|sha1|sha256|sha512|sigstore|sigstore\.json)$/;

/** The protocol of Maven repositories. */
export const maven: Protocol<MavenResource> = {
  name: 'maven',
  subjects: 'name',
  errorType: 'text/plain',

  parse({ method, path }) {
    if (method === 'PUT') {
      const target = parseFile(path);
      return target && { type: 'write', target };
    }
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const catalog = CATALOG.exec(path)?.[1];
    if (catalog !== undefined) return { type: 'catalog', file: catalog };
    const prefixes = PREFIXES.exec(path)?.[1];
    return prefixes === undefined ? parseFile(path) : { type: 'prefixes', file: prefixes };
  },

  format(resource) {
    switch (resource.type) {
      case 'catalog':
        return `/${resource.file}`;
      case 'prefixes':
        return `/.meta/${resource.file}`;
      case 'write':
        return maven.format(resource.target);
      default: {
        const { groupId, artifactId, version, file } = resource;
        return ['', groupId.replaceAll('.', '/'), artifactId, version, file]
          .filter((part) => part !== undefined)
          .join('/');
      }
    }
  },

  // A colon would start a variable of a pattern. The catalog belongs to a rule for every name.
  subject(resource) {
    if (resource.type === 'catalog') return '';
    if (resource.type === 'prefixes') return undefined;
    if (resource.type === 'write') return maven.subject(resource.target);
    const { groupId, artifactId } = resource;
    return artifactId === undefined ? groupId : `${groupId}/${artifactId}`;
  },

  deliver(resource) {
    switch (resource.type) {
      case 'prefixes': {
        // A client takes what the list of one upstream leaves out for missing, and the next one would have it.
        const message = 'There is no list of everything here.';
        return { type: 'respond', answer: refusePlainly({ status: 404, message }) };
      }
      case 'write': {
        const message = 'This address is for resolving; deploy to the repository itself.';
        return { type: 'respond', answer: refuseWriting(message) };
      }
      default:
        // Nothing names an address, and clients resolve against the one they asked.
        return { type: 'redirect', status: 302 };
    }
  },

  refuse: refusePlainly,

  purl(resource) {
    if (resource.type === 'metadata') return resource.artifactId === undefined ? undefined : purlOf(resource);
    return resource.type === 'file' ? purlOfFile(resource) : undefined;
  },

  usage(subject, publicUrl) {
    const [group = '', ...artifact] = subject.split('/');
    return `curl -fL '${[publicUrl, group.replaceAll('.', '/'), ...artifact, 'maven-metadata.xml'].join('/')}'`;
  },
};

/** Reads a path from its end: file, version, artifactId, and the groupId before them. */
function parseFile(path: string): MavenFile | MavenMetadata | undefined {
  const segments = decode(path).split('/');
  const file = segments.pop() ?? '';
  if (METADATA.test(file)) return parseMetadata(segments, file);
  const [version = '', artifactId = ''] = [segments.pop(), segments.pop()];
  const groupId = readGroup(segments);
  const valid = VERSION.test(version) && VERSION.test(file) && isFileOf(artifactId, file);
  return valid && groupId !== undefined && NAME.test(artifactId)
    ? { type: 'file', groupId, artifactId, version, file }
    : undefined;
}

function parseMetadata(segments: string[], file: string): MavenMetadata | undefined {
  const snapshot = segments.length > 3 && segments.at(-1)?.endsWith('-SNAPSHOT');
  const version = snapshot ? segments.pop() : undefined;
  const artifactId = segments.length > 2 ? segments.pop() : undefined;
  const groupId = readGroup(segments);
  if (groupId === undefined || !NAME.test(artifactId ?? 'x') || !VERSION.test(version ?? 'x'))
    return undefined;
  return {
    type: 'metadata',
    groupId,
    ...(artifactId !== undefined && { artifactId }),
    ...(version !== undefined && { version }),
    file,
  };
}

function readGroup(segments: readonly string[]): string | undefined {
  return GROUP.exec(segments.join('/'))?.[1]?.replaceAll('/', '.');
}

/** A file is called like its artifact; those of old sbt plugins lack the versions of Scala and sbt. */
function isFileOf(artifactId: string, file: string): boolean {
  return (
    file.startsWith(`${artifactId}-`) || file.startsWith(`${artifactId.replace(/_\d[^_]*_\d[^_]*$/, '')}-`)
  );
}

function decode(path: string): string {
  return path.replace(/%(2B|7E)/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}

function purlOf({ groupId, artifactId }: MavenMetadata | MavenFile): string {
  return `pkg:maven/${groupId}/${artifactId}`;
}

/** purl-spec, "maven": classifier and type are qualifiers. A checksum or a signature is no package. */
function purlOfFile(resource: MavenFile): string | undefined {
  const { artifactId, version, file } = resource;
  if (SIDE_FILE.test(file)) return undefined;
  const named = file.slice(artifactId.length + 1);
  const base = version.replace(/-SNAPSHOT$/, '');
  const [stamp = ''] = /^-\d{8}\.\d{6}-\d+/.exec(named.slice(base.length)) ?? [];
  const precise = stamp === '' ? version : base + stamp;
  const purl = `${purlOf(resource)}@${precise.replaceAll('+', '%2B')}`;
  if (!file.startsWith(`${artifactId}-`) || !named.startsWith(precise)) return purl;
  const [, classifier, type] = /^(?:-([\w.~-]+?))?\.((?:tar\.)?\w+)$/.exec(named.slice(precise.length)) ?? [];
  if (type === undefined) return purl;
  return `${purl}?${classifier === undefined ? '' : `classifier=${classifier}&`}type=${type}`;
}
