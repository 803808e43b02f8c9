/**
 * RubyGems: what gem and Bundler install from.
 *
 * @see https://guides.rubygems.org/rubygems-org-compact-index-api/
 * @module
 */

import { refusePlainly } from '../core/plain-refusal.ts';
import type { Protocol } from '../core/protocol.ts';

/** The source itself, which gem asks for by HEAD to learn whether it is there: `/`. */
export interface RubygemsRoot {
  /** The kind of resource. */
  readonly type: 'root';
}

/** A list of every gem: `/versions`, `/names`, `/specs.4.8.gz`. */
export interface RubygemsIndex {
  /** The kind of resource. */
  readonly type: 'index';
  /** The file's name. */
  readonly file: string;
}

/** All versions of a gem, in the compact index: `/info/<name>`. */
export interface RubygemsInfo {
  /** The kind of resource. */
  readonly type: 'info';
  /** The gem's name. */
  readonly name: string;
}

/** A gem's file, `/gems/<name>-<version>.gem`, or its specification, `/quick/Marshal.4.8/<name>-<version>.gemspec.rz`. */
export interface RubygemsFile {
  /** The kind of resource. */
  readonly type: 'gem' | 'specification';
  /** The gem's name. */
  readonly name: string;
  /** The version. */
  readonly version: string;
  /** The platform; absent for a gem of Ruby alone. */
  readonly platform?: string;
}

/** A question to a service, below `/api/`: the dependencies of gems, what is known of one. */
export interface RubygemsService {
  /** The kind of resource. */
  readonly type: 'service';
  /** The path. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A request that would change a gem, or an account. */
export interface RubygemsWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The path. */
  readonly path: string;
}

/** Anything that a client asks of a source of gems. */
export type RubygemsResource =
  | RubygemsRoot
  | RubygemsIndex
  | RubygemsInfo
  | RubygemsFile
  | RubygemsService
  | RubygemsWrite;

// Gem::Specification::VALID_NAME_PATTERN; a name that starts with a dot or a hyphen is refused by servers.
const INFO = /^\/info\/(\w[\w.-]*)$/;
const INDEX = /^\/(versions|names|(?:latest_|prerelease_)?specs\.4\.8(?:\.gz)?|Marshal\.4\.8(?:\.Z)?)$/;
const GEM = /^\/gems\/(\w[\w.-]*)\.gem$/;
const SPECIFICATION = /^\/quick\/Marshal\.4\.8\/(\w[\w.-]*)\.gemspec\.rz$/;
const SERVICE = /^\/api\/v[12]\/[\w.\-/]+$/;
// Gem::Version::VERSION_PATTERN, in which a file name has no hyphen.
const VERSION = /^\d[\dA-Za-z]*(?:\.[\dA-Za-z]+)*$/;
// Gem::Platform: a processor and a system with its version, or a system alone.
const SYSTEM = String.raw`(?:aix|android|cygwin|darwin|dragonfly|freebsd|haiku|hpux|java|jruby|linux|macruby|mingw|mswin|netbsd|openbsd|solaris|wasi|unknown)[\dA-Za-z_]*(?:-[\dA-Za-z._]+)?`;
const PROCESSOR =
  '(?:aarch64|arm|i[3-6]86|ia64|loongarch|mips|powerpc|ppc|riscv|s390|sparc|universal|wasm|x64|x86)[A-Za-z\\d_]*';
const PLATFORM = new RegExp(
  `^(?:${PROCESSOR}-${SYSTEM}|(?:java|jruby|mswin|mingw|dalvik|dotnet|maglev|rbx)[\\dA-Za-z_]*)$`,
);

/** The protocol of sources of gems. */
export const rubygems: Protocol<RubygemsResource> = {
  name: 'rubygems',
  statuses: [302, 301, 303, 307],
  subjects: 'name',

  parse({ method, path, query }) {
    if (method === 'GET' || method === 'HEAD') return parseRead(method, path, query);
    const writes = method === 'POST' || method === 'PUT' || method === 'PATCH' || method === 'DELETE';
    return writes && SERVICE.test(path) ? { type: 'write', path } : undefined;
  },

  format(resource) {
    switch (resource.type) {
      case 'root':
        return '/';
      case 'index':
        return `/${resource.file}`;
      case 'info':
        return `/info/${resource.name}`;
      case 'gem':
        return `/gems/${fullNameOf(resource)}.gem`;
      case 'specification':
        return `/quick/Marshal.4.8/${fullNameOf(resource)}.gemspec.rz`;
      case 'service':
        return resource.path + (resource.query ? `?${resource.query}` : '');
      case 'write':
        return resource.path;
    }
  },

  subject: (resource) => ('name' in resource ? resource.name : undefined),

  deliver(resource) {
    if (resource.type === 'write') {
      const refusal = {
        status: 405,
        message: 'This address is for installing; push to the source itself.',
        headers: { allow: 'GET, HEAD' },
      };
      return { type: 'respond', answer: refusePlainly(refusal) };
    }
    // gem asks everything else where this was answered from (Gem::Source, dependency_resolver_set).
    if (resource.type === 'root') return { type: 'proxy', delivery: 'stream' };
    // No document names a host, and clients resolve against the address that they were given: all of it may leave by
    // redirect. gem follows 301, 302, 303 and 307 to an absolute address, and fails on 308.
    return { type: 'redirect', status: 302 };
  },

  refuse: refusePlainly,

  purl(resource) {
    if (resource.type !== 'gem' && resource.type !== 'specification') return undefined;
    const { name, version, platform } = resource;
    return `pkg:gem/${name}@${version}${platform === undefined ? '' : `?platform=${platform}`}`;
  },

  usage: (subject, publicUrl) => `gem install ${subject} --clear-sources --source ${publicUrl}/`,
};

function parseRead(method: string, path: string, query: string | undefined): RubygemsResource | undefined {
  if (path === '/') return method === 'HEAD' ? { type: 'root' } : undefined;
  const index = INDEX.exec(path)?.[1];
  if (index !== undefined) return { type: 'index', file: index };
  const info = INFO.exec(path)?.[1];
  if (info !== undefined) return { type: 'info', name: info };
  const gem = GEM.exec(path)?.[1];
  if (gem !== undefined) return parseFullName('gem', gem);
  const specification = SPECIFICATION.exec(path)?.[1];
  if (specification !== undefined) return parseFullName('specification', specification);
  if (!SERVICE.test(path)) return undefined;
  return query ? { type: 'service', path, query } : { type: 'service', path };
}

/**
 * Reads `<name>-<version>` or `<name>-<version>-<platform>`. Names and platforms have hyphens and digits too: what ends
 * in a platform is read so, and else the version is what follows the last hyphen.
 */
function parseFullName(type: RubygemsFile['type'], text: string): RubygemsFile | undefined {
  const parts = text.split('-');
  // A platform has at most three parts.
  for (let count = Math.min(3, parts.length - 2); count > 0; count--) {
    const platform = parts.slice(-count).join('-');
    const version = parts.at(-count - 1) ?? '';
    if (PLATFORM.test(platform) && VERSION.test(version))
      return { type, name: parts.slice(0, -count - 1).join('-'), version, platform };
  }
  const version = parts.at(-1) ?? '';
  return parts.length > 1 && VERSION.test(version)
    ? { type, name: parts.slice(0, -1).join('-'), version }
    : undefined;
}

function fullNameOf({ name, version, platform }: RubygemsFile): string {
  return `${name}-${version}${platform === undefined ? '' : `-${platform}`}`;
}
