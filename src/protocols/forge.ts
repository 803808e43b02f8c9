/**
 * Source hosts: files of releases, archives, raw files and repositories of projects, whichever host has them.
 *
 * @see https://docs.github.com/en/repositories/releasing-projects-on-github/linking-to-releases
 * @see https://docs.gitlab.com/user/project/releases/release_fields/#permanent-link-to-latest-release
 * @module
 */
import type { OptionShape } from '../core/options.ts';
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Answer, Lead, Protocol, RuleContext, Tools } from '../core/protocol.ts';
import { carryApi, isApi } from './_forge-api.ts';
import { findLack, formatAt, readTarget } from './_forge-hosts.ts';
import { findLatest, saysLatest } from './_forge-latest.ts';
import { decodeText, formatForge, parseForge } from './_forge-paths.ts';
import type { ForgeKind, ForgeLatest, ForgeLatestAsset, ForgeResource } from './_forge-resources.ts';

export type {
  ForgeArchive,
  ForgeAsset,
  ForgeGit,
  ForgeKind,
  ForgeLatest,
  ForgeLatestAsset,
  ForgePage,
  ForgePush,
  ForgeRaw,
  ForgeResource,
} from './_forge-resources.ts';

const OPTIONS: OptionShape = {
  latest: {
    type: 'text',
    // The host is no part of what a request may choose.
    pattern: /^https?:\/\/(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?\/[!-~]*$/,
    expected: 'the address that says which release is the latest, as `https://dl.example/latest`',
    description:
      'The address that says which release is the latest, when the host does not; `:project` stands for the name.',
    examples: ['https://dl.acme.example/cli/latest'],
  },
  latestFrom: {
    type: 'word',
    words: ['redirect', 'text', 'json'],
    expected: '`redirect`, `text` or `json`',
    description:
      'How `latest` says it: a redirect whose last segment is the tag, a text whose first line is, or a JSON document.',
    default: 'redirect',
  },
  latestPath: {
    type: 'text',
    pattern: /^[^.]+(?:\.[^.]+)*$/,
    expected: 'the keys that lead to the tag, as `release.tag`',
    description: 'Where the tag is in the JSON document of `latest`: keys joined with dots.',
    default: 'tag_name',
  },
  latestFor: {
    type: 'number',
    least: 1,
    most: 86_400,
    expected: 'a number of seconds from 1 to 86400',
    description: 'For how many seconds a release stays the latest without asking again.',
    default: 120,
  },
};

/** The hosts to which known hosts send clients on. */
const LEADS: Readonly<Record<string, readonly string[]>> = {
  'github.com': ['codeload.github.com', '*.githubusercontent.com'],
  'api.github.com': ['codeload.github.com', '*.githubusercontent.com'],
  'bitbucket.org': ['*.s3.amazonaws.com'],
  'downloads.sourceforge.net': ['*.dl.sourceforge.net'],
};

/** The protocol of source hosts. */
export const forge: Protocol<ForgeResource> = {
  name: 'forge',
  subjects: 'name',
  options: OPTIONS,
  variables: ['tag', 'file'],

  parse: parseForge,

  format: (resource) => (resource.kind ? formatAt(resource.kind, resource) : formatForge(resource)),

  subject: ({ project }) => project,

  rename(resource, name, { kind }) {
    // A project that is the mount has a slash too many below a base.
    const project = name.replace(/\/$/, '');
    return kind === undefined ? { ...resource, project } : { ...resource, project, kind: kind as ForgeKind };
  },

  values: (resource): Readonly<Record<string, string>> =>
    resource.type === 'asset' ? { tag: resource.tag, file: resource.file } : {},

  expandTarget: readTarget,

  leadsTo: ({ host }) => (Object.hasOwn(LEADS, host) ? (LEADS[host] ?? []) : []),

  deliver(resource, { upstream, options, method }) {
    if (resource.type === 'push') return { type: 'respond', answer: READ_ONLY };
    const kind = upstream?.kind as ForgeKind | undefined;
    const lack = findLack(kind, resource, saysLatest(options));
    if (lack !== undefined) return { type: 'respond', answer: refusePlainly({ status: 404, message: lack }) };
    if (resource.type === 'latest' || resource.type === 'latest-asset') return { type: 'carry' };
    if (resource.type === 'page' && (kind === 'address' || kind === 'sourceforge' || kind === 'github-api'))
      return { type: 'respond', answer: toPage(resource.tag) };
    if (kind === 'github-api' && isApi(resource)) return { type: 'carry' };
    return { type: 'redirect', status: method === 'GET' || method === 'HEAD' ? 302 : 307 };
  },

  async carry(resource, context, tools) {
    if (isApi(resource) && context.upstream?.kind === 'github-api') return carryApi(resource, context, tools);
    return resource.type === 'latest' || resource.type === 'latest-asset'
      ? carryLatest(resource, context, tools)
      : { url: tools.locate(resource), status: 302 };
  },

  refuse: refusePlainly,

  // purl-spec, "generic": what names it for ever is where it is downloaded.
  purl(resource, publicUrl) {
    if (!['asset', 'latest-asset', 'archive', 'raw'].includes(resource.type)) return undefined;
    const { project } = resource;
    const name = (project || publicUrl.slice(publicUrl.lastIndexOf('/') + 1))
      .split('/')
      .map(recode)
      .join('/');
    const { query: _, ...plain } = resource;
    const version = versionOf(resource);
    return `pkg:generic/${name}${version === undefined ? '' : `@${recode(version)}`}?download_url=${encodeURIComponent(publicUrl + formatForge(plain))}`;
  },

  usage: (subject, publicUrl) => `curl -fLO '${publicUrl}/${subject}/releases/latest/download/<file>'`,
};

const READ_ONLY = refusePlainly({
  status: 403,
  message: 'Nothing is pushed here: push to the repository itself.',
});

/** Names the latest release under its own address here, or leads to a file of it. */
async function carryLatest(
  resource: ForgeLatest | ForgeLatestAsset,
  context: RuleContext,
  tools: Tools,
): Promise<Answer | Lead> {
  const { project, query } = resource;
  const latest = await findLatest(project, context, tools);
  if (!('tag' in latest))
    return refusePlainly({ status: latest.status, message: REASONS[latest.status] ?? NO_RELEASE });
  const { tag } = latest;
  if (resource.type === 'latest-asset') {
    const asset = { type: 'asset', project, tag, file: resource.file, ...(query && { query }) } as const;
    return { url: tools.locate(asset), status: 302 };
  }
  const location = context.publicUrl + formatForge({ type: 'page', project, tag });
  return { status: 302, headers: { ...TEXT, location, 'cache-control': 'no-store' }, body: '' };
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
const NO_RELEASE = 'There is no latest release.';
const REASONS: Readonly<Record<number, string>> = {
  401: 'The host asks for a credential that it takes before it says which release is the latest.',
  403: 'The host refuses to say which release is the latest.',
};

/** Where a host has no page of a release: its tag, at an address that ends with it. */
function toPage(tag: string): Answer {
  return { status: 200, headers: { ...TEXT, 'cache-control': 'no-store' }, body: `${decodeText(tag)}\n` };
}

function versionOf(resource: ForgeResource): string | undefined {
  if (resource.type === 'asset') return resource.tag;
  if (resource.type !== 'archive' && resource.type !== 'raw') return undefined;
  return resource.ref.replace(/^refs\/(?:heads|tags)\//, '');
}

/** A part of a path as a part of a package URL. */
function recode(text: string): string {
  return encodeURIComponent(decodeText(text));
}
