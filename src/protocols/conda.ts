/**
 * Conda channels: what conda, mamba, micromamba and pixi install from.
 *
 * @see https://docs.conda.io/projects/conda-build/en/stable/concepts/generating-index.html
 * @see https://github.com/conda/ceps/blob/main/cep-0015.md
 * @module
 */
import { rewriteJsonStrings } from '../core/json-rewrite.ts';
import { refusePlainly } from '../core/plain-refusal.ts';
import type { ByteStream, Protocol, Tools } from '../core/protocol.ts';
import { leaveDocument } from '../core/read-document.ts';

/** A document of a channel: `/<channel>/channeldata.json`, `/<channel>/notices.json`. */
export interface CondaDocument {
  /** The kind of resource. */
  readonly type: 'document';
  /** The channel. */
  readonly channel: string;
  /** The file's name. */
  readonly file: string;
}

/** A document of a platform: `/<channel>/<subdir>/repodata.json.zst`. */
export interface CondaMetadata {
  /** The kind of resource. */
  readonly type: 'metadata';
  /** The channel. */
  readonly channel: string;
  /** The platform: `linux-64`, `noarch`. */
  readonly subdir: string;
  /** The file's name. */
  readonly file: string;
}

/** A package: `/<channel>/<subdir>/<name>-<version>-<build>.conda`. */
export interface CondaPackage {
  /** The kind of resource. */
  readonly type: 'package';
  /** The channel. */
  readonly channel: string;
  /** The platform: `linux-64`, `noarch`. */
  readonly subdir: string;
  /** The file's name. */
  readonly file: string;
}

/** Anything that a client asks of a channel. */
export type CondaResource = CondaDocument | CondaMetadata | CondaPackage;

const CHANNEL = String.raw`/((?:[\w.+~-]+/)*)`;
const SUBDIR = String.raw`(noarch|(?:linux|osx|win|freebsd|emscripten|wasi|zos)-[a-z\d]+)`;
const PACKAGE = new RegExp(`^${CHANNEL}${SUBDIR}/([\\w.+~!-]+\\.(?:conda|tar\\.bz2))$`);
const METADATA = new RegExp(
  `^${CHANNEL}${SUBDIR}/((?:(?:current_)?repodata(?:_from_packages|_shards)?|run_exports|patch_instructions)\\.(?:json|jlap|msgpack|state)(?:\\.(?:zst|bz2|gz))?)$`,
);
const DOCUMENT = new RegExp(`^${CHANNEL}((?:channeldata|notices)\\.json(?:\\.(?:zst|bz2|gz))?)$`);
const PARTS = /^(.+)-([^-]+)-([^-]+)\.(conda|tar\.bz2)$/;

/** For how long packages are where they were, in seconds. */
const KEPT = 300;
/** How much of an index is read for its `info`, which is at its start, in bytes. */
const MAX_INFO = 65_536;

/** The protocol of conda channels. */
export const conda: Protocol<CondaResource> = {
  name: 'conda',
  subjects: 'name',

  parse({ method, path }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    // What starts with `/t/<token>/` has a credential in it, which is no name.
    if (path.startsWith('/t/')) return undefined;
    const [, inPackage, subdir = '', file = ''] = PACKAGE.exec(path) ?? [];
    if (inPackage !== undefined) return { type: 'package', channel: inPackage.slice(0, -1), subdir, file };
    const [, inMetadata, platform = '', name = ''] = METADATA.exec(path) ?? [];
    if (inMetadata !== undefined)
      return { type: 'metadata', channel: inMetadata.slice(0, -1), subdir: platform, file: name };
    const [, channel, document = ''] = DOCUMENT.exec(path) ?? [];
    return channel === undefined
      ? undefined
      : { type: 'document', channel: channel.slice(0, -1), file: document };
  },

  format,

  subject: ({ channel }) => channel,

  // A channel without a name, which is the mount itself, has a slash too many below a base.
  rename: (resource, channel) => ({ ...resource, channel: channel.replace(/\/$/, '') }),

  deliver(resource) {
    if (resource.type === 'package') return { type: 'carry' };
    const { file } = resource;
    // conda asks for notices without following redirects.
    if (file.startsWith('notices.')) return { type: 'proxy', delivery: 'stream' };
    if (resource.type === 'document' || file.startsWith('run_exports.') || file.startsWith('patch_'))
      return { type: 'redirect', status: 302 };
    if (file === 'repodata_shards.msgpack.zst') return { type: 'respond', answer: NO_SHARDS };
    return file.endsWith('.json') ? { type: 'proxy', delivery: 'rewrite' } : { type: 'carry' };
  },

  async carry(resource, _, tools) {
    if (resource.type === 'document') return { url: tools.locate(resource), status: 302 };
    const { channel, subdir, file } = resource;
    const base = await findBase(channel, subdir, tools);
    if (base === '') return { url: tools.locate(resource), status: 302 };
    if (resource.type === 'metadata')
      return refusePlainly({ status: 404, message: 'Of this channel there is `repodata.json` only.' });
    return { url: new URL(file, base).href, status: 302 };
  },

  refuse: refusePlainly,

  purl(resource) {
    if (resource.type !== 'package') return undefined;
    const [, name = '', version = '', build = '', type = ''] = PARTS.exec(resource.file) ?? [];
    if (name === '') return undefined;
    const qualifiers = [
      ['build', build],
      ['channel', resource.channel],
      ['subdir', resource.subdir],
      ['type', type],
    ] as const;
    const query = qualifiers.flatMap(([key, value]) =>
      value === '' ? [] : [`${key}=${encodeURIComponent(value)}`],
    );
    return `pkg:conda/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${query.join('&')}`;
  },

  rewrite(resource, { headers, body }, { publicUrl }) {
    if (resource.type !== 'metadata') return { headers, body };
    const { channel, subdir } = resource;
    // Packages are asked for here, wherever the channel has them.
    return {
      headers,
      body: rewriteJsonStrings(body, [BASE_URL], () => publicUrl + folderOf(channel, subdir)),
    };
  },

  usage: (subject, publicUrl) => `conda install --channel ${publicUrl}/${subject} <package>`,
};

/** Where an index says that its packages are (CEP 15). */
const BASE_URL = ['info', 'base_url'];

function format(resource: CondaResource): string {
  const { channel, file } = resource;
  if (resource.type === 'document') return `${channel === '' ? '' : `/${channel}`}/${file}`;
  return folderOf(channel, resource.subdir) + file;
}

function folderOf(channel: string, subdir: string): string {
  return `${channel === '' ? '' : `/${channel}`}/${subdir}/`;
}

/** The folder of a platform's packages where that is not beside its index; empty where it is. */
function findBase(channel: string, subdir: string, tools: Tools): Promise<string> {
  const index: CondaMetadata = { type: 'metadata', channel, subdir, file: 'repodata.json' };
  return tools.keep(`base ${subdir}`, KEPT, async () => {
    const { status, body } = await tools.fetch(index, { accept: 'application/json' });
    if (status !== 200) {
      await leaveDocument(body);
      return '';
    }
    const base = await readBase(body);
    const beside = tools.locate(index);
    if (base === undefined || !URL.canParse(base, beside)) return '';
    const { href } = new URL(base.endsWith('/') ? base : `${base}/`, beside);
    return href === new URL('./', beside).href ? '' : href;
  });
}

/** Reads `info.base_url` at the start of an index, and leaves the rest. */
async function readBase(body: ByteStream): Promise<string | undefined> {
  let found: string | undefined;
  let length = 0;
  const noticed = rewriteJsonStrings(body, [BASE_URL], (_, value) => {
    found ??= value;
    return value;
  });
  for await (const chunk of noticed) {
    length += chunk.length;
    if (found !== undefined || length > MAX_INFO) break;
  }
  return found;
}

/** Addresses in it would lead around this place, and it cannot be rewritten; clients take `repodata.json.zst` then. */
const NO_SHARDS = refusePlainly({ status: 404, message: 'There is no sharded index here.' });
