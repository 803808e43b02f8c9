/**
 * Repositories of RPM packages: what dnf, yum, microdnf and zypper install from.
 *
 * @see https://dnf.readthedocs.io/en/latest/conf_ref.html
 * @see https://en.opensuse.org/openSUSE:Standards_Rpm_Metadata
 * @module
 */
import type { OptionShape } from '../core/options.ts';
import { refusePlainly, refuseWriting } from '../core/plain-refusal.ts';
import type { Answer, Lead, Neighbour, Protocol, RuleContext, Tie, Tools } from '../core/protocol.ts';
import { toBaseUrl, toKeyUrl, writeRepoFile } from './_rpm-repo-file.ts';

/** A file of a repository; all are where the upstream has them. */
export interface RpmFile {
  /**
   * The kind of resource: the index (`repomd.xml`), its signature or key, a document that it lists, a package, a key
   * by which packages are signed, or what zypper asks of a medium.
   */
  readonly type: 'index' | 'signature' | 'metadata' | 'package' | 'key' | 'medium';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A file for `/etc/yum.repos.d` that has a folder for its repository: `/el/9/acme.repo`; it is made here. */
export interface RpmFolderRepo {
  /** The kind of resource. */
  readonly type: 'folder-repo';
  /** The path below the mount. */
  readonly path: string;
}

/** A file for `/etc/yum.repos.d` that has a rule for its repository: `/acme.repo`; it is made here. */
export interface RpmRepo {
  /** The kind of resource. */
  readonly type: 'repo';
  /** The name before `.repo`, as the path has it. */
  readonly name: string;
}

/** The key of a rule that has it at another address: `/acme.repo.key`. */
export interface RpmRepoKey {
  /** The kind of resource. */
  readonly type: 'repo-key';
  /** The name before `.repo.key`, as the path has it. */
  readonly name: string;
}

/** A list of mirrors of a folder: `/el/9/mirrorlist`, `/el/9/metalink`. */
export interface RpmMirrors {
  /** The kind of resource: a list that has nothing but this place, or one that nobody gets. */
  readonly type: 'mirrorlist' | 'metalink';
  /** The path below the mount. */
  readonly path: string;
  /** Whether it is meant for a repository that the query names, and not the path. */
  readonly asked?: true;
}

/** A request that would change a repository. */
export interface RpmWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The path below the mount. */
  readonly path: string;
}

/** Anything that a client asks of a repository. */
export type RpmResource = RpmFile | RpmFolderRepo | RpmRepo | RpmRepoKey | RpmMirrors | RpmWrite;

const ROOT_REPO = /^\/([\w.:-]+|[\w.-]+(?:%3[Aa][\w.-]+)+)\.repo(\.key)?$/;
/** The lengths of the checksums that createrepo_c puts in front of names (`--unique-md-filenames`): MD5 to SHA-512. */
const CHECKSUM_LENGTHS: ReadonlySet<number> = new Set([32, 40, 56, 64, 96, 128]);

/** What the end of a path says; the first that fits. */
const ENDS: readonly (readonly [RegExp, RpmFile['type'] | RpmMirrors['type'] | 'folder-repo'])[] = [
  [/[^/]\.d?rpm$/, 'package'],
  [/\/repodata\/repomd\.xml$/, 'index'],
  [/\/repodata\/repomd\.xml\.(?:asc|key)$/, 'signature'],
  [/\/(?:mirrorlist(?:\.txt)?)$/, 'mirrorlist'],
  [/\/(?:metalink|[^/]+\.metalink|[^/]+\.meta4)$/, 'metalink'],
  [/\/repodata\/[^/]+$/, 'metadata'],
  [/\/[^/]+\.repo$/, 'folder-repo'],
  [/\/media\.\d+\/[^/]+$/, 'medium'],
  [/\/content(?:\.asc|\.key)?$/, 'medium'],
  [/\/(?:RPM-GPG-KEY[^/]*|gpg(?:key)?|[^/]+\.key|[^/]+\.pub|[^/.]+\.(?:asc|gpg))$/, 'key'],
];

const OPTIONS: OptionShape = {
  name: {
    type: 'text',
    expected: 'what the repository is called, in one line',
    description: 'What clients show as the name of the repository, in the `.repo` file. Default its id.',
    examples: ['Acme for Fedora'],
  },
  baseurl: {
    type: 'text',
    pattern: /^\/[!-~]*$/,
    expected: 'the path of the repository below `at`, such as `/el/$releasever/$basearch/`',
    description:
      'The path of the repository below `at`, for the `.repo` file, with variables of the clients in it. Default as `match` has it.',
    examples: ['/el/$releasever/$basearch/'],
  },
  key: {
    type: 'text',
    pattern: /^(?:https?:\/|file:\/\/)?\/[!-~]+$/,
    expected: 'the address of the public key, or its path below `at`',
    description:
      'The key that packages are signed by, for the `.repo` file: its address, or its path below `at`.',
    examples: ['/RPM-GPG-KEY-acme', 'https://acme.dev/acme.asc'],
  },
  enabled: {
    type: 'flag',
    expected: '`true` or `false`',
    description: 'Whether the `.repo` file enables the repository.',
    default: true,
  },
  gpgcheck: {
    type: 'flag',
    expected: '`true` or `false`',
    description: 'Whether clients check the signatures of packages. `false` trusts whoever answers.',
    default: true,
  },
  repo_gpgcheck: {
    type: 'flag',
    expected: '`true` or `false`',
    description: 'Whether clients check the signature of `repomd.xml`, which must be there then.',
    default: false,
  },
};

const READ_ONLY = refuseWriting('This address is for installing; publish to the repository itself.');

/** The protocol of RPM repositories. */
export const rpm: Protocol<RpmResource> = {
  name: 'rpm',
  subjects: 'path',
  options: OPTIONS,

  parse({ method, path, query }) {
    if (method !== 'GET' && method !== 'HEAD') return readWrite(path);
    const [, name, key] = ROOT_REPO.exec(path) ?? [];
    if (name !== undefined) return { type: key === undefined ? 'repo' : 'repo-key', name };
    const type = readType(path);
    if (type === undefined || !path.startsWith('/')) return undefined;
    if (type === 'folder-repo') return { type, path };
    if (type === 'mirrorlist' || type === 'metalink')
      return /(?:^|&)repo=/.test(query ?? '') ? { type, path, asked: true } : { type, path };
    return query ? { type, path, query } : { type, path };
  },

  format(resource) {
    switch (resource.type) {
      case 'repo':
        return `/${resource.name}.repo`;
      case 'repo-key':
        return `/${resource.name}.repo.key`;
      case 'mirrorlist':
      case 'metalink':
        return resource.asked ? `${resource.path}?repo=` : resource.path;
      case 'folder-repo':
      case 'write':
        return resource.path;
      default:
        return resource.query ? `${resource.path}?${resource.query}` : resource.path;
    }
  },

  subject: (resource) => ('path' in resource ? resource.path : undefined),

  rename: (resource, path) => ('path' in resource ? { ...resource, path } : resource),

  tie,

  deliver(resource, context) {
    switch (resource.type) {
      case 'repo':
      case 'repo-key':
        return { type: 'carry' };
      case 'folder-repo':
        return { type: 'respond', answer: answerFolderRepo(resource.path, context) };
      case 'mirrorlist':
      case 'metalink':
        return { type: 'respond', answer: answerMirrors(resource, context) };
      case 'write':
        return { type: 'respond', answer: READ_ONLY };
      default:
        // What is in a repository is relative to the address that clients asked (librepo, libzypp).
        return { type: 'redirect', status: 302 };
    }
  },

  async carry(resource, context, tools) {
    return resource.type === 'repo-key'
      ? leadToKey(resource.name, context, tools)
      : answerRepo(resource.type === 'repo' ? resource.name : '', context, tools);
  },

  refuse: refusePlainly,

  purl: (resource) => (resource.type === 'package' ? purlOf(resource.path) : undefined),

  usage: (subject, publicUrl) => `dnf --repofrompath='try,${publicUrl}${subject}' --repo=try repoquery`,
};

function readType(path: string): (typeof ENDS)[number][1] | undefined {
  return ENDS.find(([end]) => end.test(path))?.[1];
}

/** What nothing but a repository has; other names may be those of other protocols, which take more methods. */
function readWrite(path: string): RpmWrite | undefined {
  const type = path.startsWith('/') ? readType(path) : undefined;
  return type === 'package' || type === 'index' || type === 'signature' || type === 'metadata'
    ? { type: 'write', path }
    : undefined;
}

/**
 * A repository is a snapshot: `repomd.xml` has the checksums of everything else, and what is not named by its own
 * may be another document in the next snapshot. Clients check packages against checksums, too.
 */
function tie({ type, ...resource }: RpmResource): Tie | undefined {
  if (type === 'package') return { type: 'content' };
  if (type !== 'index' && type !== 'signature' && type !== 'metadata') return undefined;
  const path = 'path' in resource ? resource.path : '';
  if (type === 'metadata' && hasChecksum(path)) return { type: 'content' };
  return {
    type: type === 'index' ? 'index' : 'member',
    of: path.slice(0, path.lastIndexOf('/repodata/') + 1),
  };
}

function hasChecksum(path: string): boolean {
  const [front = ''] = path.slice(path.lastIndexOf('/') + 1).split('-', 1);
  return CHECKSUM_LENGTHS.has(front.length) && /^[\da-f]+$/i.test(front);
}

function answerFolderRepo(path: string, { rule, publicUrl, options }: RuleContext): Answer {
  const end = path.lastIndexOf('/') + 1;
  const id = toId(path.slice(end, -'.repo'.length));
  if (id === undefined)
    return refusePlainly({ status: 404, message: 'This is no id of a repository; clients would refuse it.' });
  const baseurl = publicUrl + path.slice(0, end);
  return toText(writeRepoFile({ id, baseurl, key: toKeyUrl(rule, publicUrl, options), options }));
}

async function answerRepo(name: string, context: RuleContext, tools: Tools): Promise<Answer> {
  const { publicUrl } = context;
  const id = toId(name);
  const found = findRule(id, context, tools);
  if (id === undefined || !found) return refuseName(context, tools);
  const { rule, match, options } = found;
  const baseurl = toBaseUrl(match, publicUrl, options);
  if (baseurl === undefined) {
    const message =
      'The pattern of this rule does not tell where its repository is; `options.baseurl` would.';
    return refusePlainly({ status: 404, message });
  }
  return toText(writeRepoFile({ id, baseurl, key: toKeyUrl(rule, publicUrl, options), options }));
}

async function leadToKey(name: string, context: RuleContext, tools: Tools): Promise<Answer | Lead> {
  const key = findRule(toId(name), context, tools)?.options.key;
  return typeof key === 'string' && key.startsWith('http')
    ? { url: key, status: 302 }
    : refusePlainly({ status: 404, message: 'This rule has no key at another address.' });
}

/** The rule of this name, or else the only one on this mount. */
function findRule(id: string | undefined, context: RuleContext, tools: Tools): Neighbour | undefined {
  const rules = listRules(context, tools);
  return rules.find(({ rule }) => rule === id) ?? (rules.length === 1 ? rules[0] : undefined);
}

function listRules({ publicUrl }: RuleContext, { neighbours }: Tools): readonly Neighbour[] {
  return neighbours.filter((each) => each.protocol === rpm.name && each.publicUrl === publicUrl);
}

function refuseName(context: RuleContext, tools: Tools): Answer {
  const names = listRules(context, tools).map(({ rule }) => `${rule}.repo`);
  return refusePlainly({ status: 404, message: `No rule has this name; there is ${names.join(', ')}.` });
}

/** The id of a repository, in which dnf allows `A-Za-z0-9-_.:`. */
function toId(name: string): string | undefined {
  const id = name.replace(/%3A/gi, ':');
  return /^[\w.:-]+$/.test(id) ? id : undefined;
}

/** Whatever else such a list names, clients would ask for everything, around this place. */
function answerMirrors({ type, path, asked }: RpmMirrors, { publicUrl }: RuleContext): Answer {
  if (type === 'metalink')
    return refusePlainly({ status: 404, message: 'There is no metalink here; use the `baseurl` instead.' });
  if (asked)
    return refusePlainly({ status: 404, message: 'There is no such list here; use the `baseurl` instead.' });
  return toText(`${publicUrl}${path.slice(0, path.lastIndexOf('/') + 1)}\n`);
}

function toText(body: string): Answer {
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

/** purl-spec, "rpm": read from the end, since a name may have any number of hyphens. A delta is no package. */
function purlOf(path: string): string | undefined {
  const file = decode(path.slice(path.lastIndexOf('/') + 1));
  const [, name = '', version = '', release = '', arch = ''] = PACKAGE.exec(file) ?? [];
  if (name === '') return undefined;
  const [, epoch, plain = version] = /^(\d+):(.+)$/.exec(version) ?? [];
  const query = `arch=${encodeURIComponent(arch)}${epoch === undefined ? '' : `&epoch=${epoch}`}`;
  return `pkg:rpm/${encodeURIComponent(name)}@${encodeURIComponent(`${plain}-${release}`)}?${query}`;
}

const PACKAGE = /^([!-$&-~]+)-([!-$&-,.-~]+)-([!-$&-,.-~]+)\.(\w+)\.rpm$/;

function decode(segment: string): string {
  return segment.replace(/%[2-7][\da-f]/gi, (code) =>
    String.fromCharCode(Number.parseInt(code.slice(1), 16)),
  );
}
