/**
 * Cargo's sparse registries: an index of crates, and the crates.
 *
 * @see https://doc.rust-lang.org/cargo/reference/registry-index.html
 * @module
 */
import type { Answer, Lead, Protocol, Refusal, Tools } from '../core/protocol.ts';
import { type CargoConfig, CONFIG_LIFETIME, expandDownload, readCargoConfig } from './_cargo-config.ts';
import { findChecksum, prefixOf } from './_cargo-index.ts';

/** What a registry says of itself: `/config.json`. */
export interface CargoRegistry {
  /** The kind of resource. */
  readonly type: 'config';
}

/** All versions of a crate: `/<prefix>/<name>`. */
export interface CargoIndexFile {
  /** The kind of resource. */
  readonly type: 'index';
  /** The crate's name in lower case. */
  readonly name: string;
}

/** A version of a crate: `/crates/<name>/<version>/<name>-<version>.crate`. */
export interface CargoCrate {
  /** The kind of resource. */
  readonly type: 'crate';
  /** The crate's name, with its case. */
  readonly name: string;
  /** The version. */
  readonly version: string;
}

/** A question to the web API, such as a search: `/api/v1/crates…`. */
export interface CargoApi {
  /** The kind of resource. */
  readonly type: 'api';
  /** The crate's name; absent for a search. */
  readonly name?: string;
  /** The path. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** A request that would change a crate: a publish, a yank, an owner. */
export interface CargoWrite {
  /** The kind of resource. */
  readonly type: 'write';
  /** The crate's name; absent for a publish. */
  readonly name?: string;
  /** The path. */
  readonly path: string;
}

/** Anything that a client asks of a registry. */
export type CargoResource = CargoRegistry | CargoIndexFile | CargoCrate | CargoApi | CargoWrite;

const INDEX = /^\/(?:[123]|3\/[\w-]|[\w-]{2}\/[\w-]{2})\/([\w-]+)$/;
// Semantic versions; a `+` may come encoded.
const CRATE = /^\/crates\/([\w-]+)\/(\d(?:[\w.+-]|%2B)*)\/([^/]+)$/i;
const DOWNLOAD = /^\/api\/v1\/crates\/([\w-]+)\/(\d(?:[\w.+-]|%2B)*)\/(download)$/i;
const API = /^\/api\/v1\/crates(?:\/([\w-]+)(?:\/[\w.+-]+){0,2})?$/;

/** The protocol of Cargo's sparse registries. */
export const cargo: Protocol<CargoResource> = {
  name: 'cargo',
  subjects: 'name',
  errorType: 'application/json',

  parse({ method, path, query }) {
    const reads = method === 'GET' || method === 'HEAD';
    if (!reads) return method === 'PUT' || method === 'DELETE' ? parseWrite(path) : undefined;
    if (path === '/config.json') return { type: 'config' };
    return parseIndex(path) ?? parseCrate(path) ?? parseApi(path, query);
  },

  format(resource) {
    switch (resource.type) {
      case 'config':
        return '/config.json';
      case 'index':
        return `/${prefixOf(resource.name)}/${resource.name}`;
      case 'crate': {
        const { name, version } = resource;
        return `/crates/${name}/${version}/${name}-${version}.crate`;
      }
      case 'api':
        return resource.query ? `${resource.path}?${resource.query}` : resource.path;
      case 'write':
        return resource.path;
    }
  },

  // The index knows names in lower case only; downloads have the case of the crate.
  subject: (resource) => ('name' in resource ? resource.name?.toLowerCase() : undefined),

  deliver(resource, { publicUrl, delegated }) {
    switch (resource.type) {
      case 'config':
        return { type: 'respond', answer: toConfig(publicUrl, delegated) };
      case 'index':
        // It names no address, so that lock files and downloads stay here.
        return { type: 'redirect', status: 302 };
      case 'crate':
      case 'api':
        return { type: 'carry' };
      case 'write': {
        const refusal = {
          status: 405,
          message: 'This address is for installing; publish to the registry itself.',
          headers: { allow: 'GET, HEAD' },
        };
        return { type: 'respond', answer: toAnswer(refusal) };
      }
    }
  },

  async carry(resource, _, tools) {
    const config = await keepConfig(tools);
    if (config.status !== 200) return refuseConfig(config.status);
    return resource.type === 'crate' ? locateCrate(resource, config, tools) : locateApi(resource, config);
  },

  refuse: toAnswer,

  purl(resource) {
    if (resource.type === 'index') return `pkg:cargo/${resource.name}`;
    if (resource.type !== 'crate') return undefined;
    return `pkg:cargo/${resource.name}@${resource.version.replaceAll('+', '%2B')}`;
  },

  usage: (subject, publicUrl) => `cargo install ${subject} --index sparse+${publicUrl}/`,
};

function parseIndex(path: string): CargoIndexFile | undefined {
  const name = INDEX.exec(path)?.[1]?.toLowerCase();
  if (name === undefined || path.toLowerCase() !== `/${prefixOf(name)}/${name}`) return undefined;
  return { type: 'index', name };
}

function parseCrate(path: string): CargoCrate | undefined {
  const [, name, written, file] = CRATE.exec(path) ?? DOWNLOAD.exec(path) ?? [];
  if (name === undefined || written === undefined || file === undefined) return undefined;
  const version = decodePlus(written);
  if (file !== 'download' && decodePlus(file) !== `${name}-${version}.crate`) return undefined;
  return { type: 'crate', name, version };
}

function parseApi(path: string, query: string | undefined): CargoApi | undefined {
  const found = API.exec(path);
  return found
    ? { type: 'api', ...(found[1] && { name: found[1] }), path, ...(query && { query }) }
    : undefined;
}

function parseWrite(path: string): CargoWrite | undefined {
  const found = API.exec(path);
  if (!found) return undefined;
  return { type: 'write', ...(found[1] && found[1] !== 'new' && { name: found[1] }), path };
}

function decodePlus(text: string): string {
  return text.replace(/%2B/gi, '+');
}

/** Registry index, "Index configuration"; Cargo fills in the markers. */
function toConfig(publicUrl: string, delegated: boolean): Answer {
  const config = {
    dl: `${publicUrl}/crates/{crate}/{version}/{crate}-{version}.crate`,
    api: publicUrl,
    ...(delegated && { 'auth-required': true }),
  };
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
    body: JSON.stringify(config),
  };
}

/** What the upstream says of itself; a refusal is not kept. */
async function keepConfig(tools: Tools): Promise<CargoConfig> {
  const read = async () => JSON.stringify(await readCargoConfig(await tools.fetch({ type: 'config' })));
  const config = JSON.parse(await tools.keep('config', CONFIG_LIFETIME, read)) as CargoConfig;
  if (config.status !== 200) tools.forget('config');
  return config;
}

function refuseConfig(status: number): Answer {
  if (status === 401 || status === 403)
    return toAnswer({ status, message: 'The upstream does not let this be downloaded.' });
  const message = 'Where this leads, there is no config.json of a registry.';
  return toAnswer({ status: 502, message, headers: { 'retry-after': '10' } });
}

async function locateCrate(
  { name, version }: CargoCrate,
  { dl }: CargoConfig,
  tools: Tools,
): Promise<Answer | Lead> {
  const checksum = dl.includes('{sha256-checksum}') ? await keepChecksum(name, version, tools) : '';
  if (checksum === undefined)
    return toAnswer({ status: 404, message: `The index has no version ${version} of this crate.` });
  return { url: expandDownload(dl, name, version, checksum), status: 302 };
}

/** A version's checksum never changes, but a version that is missing may come. */
async function keepChecksum(name: string, version: string, tools: Tools): Promise<string | undefined> {
  const key = `checksum ${name} ${version}`;
  const read = async () => {
    const file: CargoIndexFile = { type: 'index', name: name.toLowerCase() };
    return (await findChecksum(await tools.fetch(file), version)) ?? '';
  };
  const checksum = await tools.keep(key, CONFIG_LIFETIME, read);
  if (checksum !== '') return checksum;
  tools.forget(key);
  return undefined;
}

/** Cargo follows no redirect of the web API. */
function locateApi(resource: CargoResource, { api }: CargoConfig): Answer | Lead {
  if (api === undefined) return toAnswer({ status: 404, message: 'This registry has no web API.' });
  return { url: api.replace(/\/$/, '') + cargo.format(resource), status: 302, delivery: 'stream' };
}

/** Web API, "Error responses". */
function toAnswer({ status, message, headers }: Refusal): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ errors: [{ detail: message }] }),
  };
}
