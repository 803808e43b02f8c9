/**
 * NuGet's protocol of version 3: what dotnet, NuGet and Visual Studio restore from.
 *
 * @see https://learn.microsoft.com/nuget/api/overview
 * @module
 */
import { isObject, type JsonObject, readJson } from '../core/json-document.ts';
import { rewriteJsonValues } from '../core/json-values.ts';
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Answer, Lead, Protocol, Refusal, RuleContext, Tools } from '../core/protocol.ts';
import { leaveDocument } from '../core/read-document.ts';

/** The service index, which says where everything else is: `/index.json`. */
export interface NugetIndex {
  /** The kind of resource. */
  readonly type: 'index';
}

/** All versions of a package: `/flatcontainer/<id>/index.json`. */
export interface NugetVersions {
  /** The kind of resource. */
  readonly type: 'versions';
  /** The package's id, in lower case. */
  readonly id: string;
}

/** A file of a version: `/flatcontainer/<id>/<version>/<file>`. */
export interface NugetContent {
  /** The kind of resource. */
  readonly type: 'content';
  /** The package's id, in lower case. */
  readonly id: string;
  /** The version, normalized and in lower case. */
  readonly version: string;
  /** The file's name, in lower case. */
  readonly file: string;
}

/** What is known of a package: `/registrations/<hive>/<id>/index.json`, and its pages and versions. */
export interface NugetRegistration {
  /** The kind of resource. */
  readonly type: 'registration';
  /** Which of the upstream's: the version in the type of `RegistrationsBaseUrl`, or `plain`. */
  readonly hive: string;
  /** The package's id, in lower case. */
  readonly id: string;
  /** The path below the package. */
  readonly path: string;
}

/** Something else that the service index names: `/services/<type>`; a search, the known vulnerabilities. */
export interface NugetService {
  /** The kind of resource. */
  readonly type: 'service';
  /** Its type in the service index: `SearchQueryService/3.5.0`. */
  readonly service: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** Anything that a client asks of a NuGet source. */
export type NugetResource = NugetIndex | NugetVersions | NugetContent | NugetRegistration | NugetService;

/** An entry of a service index. */
interface Entry {
  readonly type: string;
  readonly url: string;
  /** The lowest version of a client that may use it. */
  readonly clientVersion?: string;
}

/** The longest service index that is read, in bytes. */
const MOST = 1_048_576;

/** For how long the upstream's service index is remembered, in seconds. */
const KEPT = 60;

const VERSIONS = /^\/flatcontainer\/(\w[\w.-]*)\/index\.json$/i;
const CONTENT = /^\/flatcontainer\/(\w[\w.-]*)\/(\d[\w.+-]*)\/(\w[\w.+-]*)$/i;
const REGISTRATION = /^\/registrations\/(\w[\w.-]*)\/(\w[\w.-]*)\/((?:\w[\w.+-]*\/){0,3}\w[\w.+-]*\.json)$/i;
const SERVICE = /^\/services\/([A-Za-z]+(?:\/\w[\w.-]*)?)$/;
const NUMBERS = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.(\d+))?(?:-([\da-z.-]+))?(?:\+[\da-z.-]+)?$/;

/** What an address of its own stands for, without more below it. */
const SERVICES = /^(?:Search\w*Service|VulnerabilityInfo)$/;

/** What leads around this address, and is not for restoring: publishing, the protocol of before, the whole history. */
const LEFT_OUT = /^(?:(?:Symbol)?PackagePublish|LegacyGallery|Catalog)$/;

/** The protocol of NuGet sources. */
export const nuget: Protocol<NugetResource> = {
  name: 'nuget',
  subjects: 'name',

  parse({ method, path, query }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === '/index.json') return { type: 'index' };
    const versions = VERSIONS.exec(path)?.[1];
    if (versions !== undefined) return { type: 'versions', id: versions.toLowerCase() };
    const content = CONTENT.exec(path.toLowerCase());
    if (content) return toContent(content[1] ?? '', content[2] ?? '', content[3] ?? '');
    const [, hive, id = '', below = ''] = REGISTRATION.exec(path) ?? [];
    if (hive !== undefined)
      return { type: 'registration', hive, id: id.toLowerCase(), path: below.toLowerCase() };
    const service = SERVICE.exec(path)?.[1];
    if (service === undefined) return undefined;
    return query ? { type: 'service', service, query } : { type: 'service', service };
  },

  format(resource) {
    switch (resource.type) {
      case 'index':
        return '/index.json';
      case 'versions':
        return `/flatcontainer/${resource.id}/index.json`;
      case 'content':
        return `/flatcontainer/${resource.id}/${resource.version}/${resource.file}`;
      case 'registration':
        return `/registrations/${resource.hive}/${resource.id}/${resource.path}`;
      case 'service':
        return `/services/${resource.service}${resource.query ? `?${resource.query}` : ''}`;
    }
  },

  subject: (resource) => ('id' in resource ? resource.id : undefined),

  // Where anything is, only the upstream's service index says.
  deliver: () => ({ type: 'carry' }),

  async carry(resource, context, tools) {
    const index = await readIndex(tools);
    if (!Array.isArray(index)) return refusePlainly(index as Refusal);
    const entries = index as readonly Entry[];
    return resource.type === 'index' ? answerIndex(entries, context) : locate(entries, resource);
  },

  rewrite(resource, { headers, body }, { publicUrl }) {
    if (resource.type !== 'registration') return { headers, body };
    const paths = [...ADDRESSES, 'packageContent', 'catalogEntry'].map((key) => [key]);
    const { hive, id } = resource;
    const version = resource.path.slice(resource.path.lastIndexOf('/') + 1).replace(/\.json$/, '');
    const place = { publicUrl, hive, id, version };
    return {
      headers,
      body: rewriteJsonValues(body, [...paths, ['items', '*']], (keys, value) =>
        toPublicValue(value, keys.at(-1) ?? '', place),
      ),
    };
  },

  refuse: refusePlainly,

  purl: (resource) =>
    resource.type === 'content' ? `pkg:nuget/${resource.id}@${resource.version}` : undefined,

  usage: (subject, publicUrl) => `dotnet add package ${subject} --source ${publicUrl}/index.json`,
};

function toContent(id: string, raw: string, name: string): NugetContent | undefined {
  const version = normalizeVersion(raw);
  if (version === undefined) return undefined;
  return {
    type: 'content',
    id,
    version,
    file: name === `${id}.${raw}.nupkg` ? `${id}.${version}.nupkg` : name,
  };
}

/** NuGet, "Normalized version numbers": three numbers or four, without leading zeros, and no metadata. */
function normalizeVersion(text: string): string | undefined {
  const parts = NUMBERS.exec(text.toLowerCase());
  if (!parts) return undefined;
  const numbers = parts.slice(1, 5).map((part = '0') => part.replace(/^0+(?=\d)/, ''));
  const shown = numbers[3] === '0' ? numbers.slice(0, 3) : numbers;
  return shown.join('.') + (parts[5] === undefined ? '' : `-${parts[5]}`);
}

/** The upstream's service index, or why there is none. */
async function readIndex(tools: Tools): Promise<readonly Entry[] | Refusal> {
  let refusal: Refusal | undefined;
  const text = await tools
    .keep('index', KEPT, async () => {
      const { status, url, body } = await tools.fetch({ type: 'index' });
      if (status === 200) return JSON.stringify(listEntries(await readJson(body, MOST), url));
      await leaveDocument(body);
      refusal = toRefusal(status);
      throw new Error(refusal.message);
    })
    .catch((error: unknown) => {
      if (refusal) return undefined;
      throw error;
    });
  return text === undefined ? (refusal as Refusal) : (JSON.parse(text) as readonly Entry[]);
}

function toRefusal(status: number): Refusal {
  const known = status === 401 || status === 403 || status === 404;
  return { status: known ? status : 502, message: `The upstream answers ${status} for its index.json.` };
}

function listEntries(document: unknown, base: string): readonly Entry[] {
  const resources = isObject(document) ? document.resources : undefined;
  if (!Array.isArray(resources)) throw new Error('The service index has no resources.');
  return resources.flatMap((resource: unknown) => {
    if (!isObject(resource)) return [];
    const { '@id': id, '@type': types, clientVersion: lowest } = resource;
    if (typeof id !== 'string' || !URL.canParse(id, base)) return [];
    // A template has braces, which an address would not keep.
    const url = id.includes('{') ? id : new URL(id, base).href;
    const clientVersion = typeof lowest === 'string' ? { clientVersion: lowest } : {};
    return [types]
      .flat()
      .flatMap((type) => (typeof type === 'string' ? { type, url, ...clientVersion } : []));
  });
}

/** The service index under the public address; of several entries with one address there, the first stands for all. */
function answerIndex(entries: readonly Entry[], { publicUrl, upstream }: RuleContext): Answer {
  const open = ({ url }: Entry): boolean =>
    !upstream?.authenticated || !URL.canParse(url) || new URL(url).origin !== upstream.origin;
  const shown = entries.flatMap((entry) => {
    const { type, url, clientVersion } = entry;
    const other = toPublicEntry(entry, entries, publicUrl);
    if (other === undefined && (LEFT_OUT.test(nameOf(type)) || !open(entry))) return [];
    return JSON.stringify({ '@id': other ?? url, '@type': type, clientVersion });
  });
  const resources = [...new Set(shown)].map((each) => JSON.parse(each) as JsonObject);
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version: '3.0.0', resources }),
  };
}

/** Where an entry is here; `undefined` when it is not. */
function toPublicEntry(
  { type, url }: Entry,
  entries: readonly Entry[],
  publicUrl: string,
): string | undefined {
  const name = nameOf(type);
  if (name === 'PackageBaseAddress') return `${publicUrl}/flatcontainer/`;
  if (name === 'RegistrationsBaseUrl') return `${publicUrl}/registrations/${hiveOf(type)}/`;
  if (SERVICES.test(name) && SERVICE.test(`/services/${type}`)) return `${publicUrl}/services/${type}`;
  const base = findBase(entries, ({ type: other }) => nameOf(other) === 'PackageBaseAddress');
  return base !== undefined && url.startsWith(base)
    ? `${publicUrl}/flatcontainer/${url.slice(base.length)}`
    : undefined;
}

function nameOf(type: string): string {
  return type.split('/', 1)[0] ?? '';
}

function hiveOf(type: string): string {
  return type.split('/')[1] || 'plain';
}

/** Leads to where the upstream has a resource. */
function locate(entries: readonly Entry[], resource: Exclude<NugetResource, NugetIndex>): Answer | Lead {
  if (resource.type === 'service') {
    const url = entries.find(({ type }) => type === resource.service && SERVICES.test(nameOf(type)))?.url;
    if (url === undefined) return refuseUnknown(resource.service);
    const sign = url.includes('?') ? '&' : '?';
    return { url: resource.query ? url + sign + resource.query : url, status: 302 };
  }
  if (resource.type === 'registration') {
    const { hive, id, path } = resource;
    const base = findBase(
      entries,
      ({ type }) => nameOf(type) === 'RegistrationsBaseUrl' && hiveOf(type) === hive,
    );
    if (base === undefined) return refuseUnknown(`registrations ${hive}`);
    return { url: `${base}${id}/${path}`, status: 302, delivery: 'rewrite' };
  }
  const base = findBase(entries, ({ type }) => nameOf(type) === 'PackageBaseAddress');
  if (base === undefined) return refuseUnknown('PackageBaseAddress');
  const below = resource.type === 'versions' ? 'index.json' : `${resource.version}/${resource.file}`;
  return { url: `${base}${resource.id}/${below}`, status: 302 };
}

/** The address of an entry that others are below; some say it without its slash. */
function findBase(entries: readonly Entry[], test: (entry: Entry) => boolean): string | undefined {
  const url = entries.find(test)?.url;
  return url === undefined || url.endsWith('/') ? url : `${url}/`;
}

/** The keys whose addresses lead to registrations. */
const ADDRESSES = ['@id', 'parent', 'registration'];

/** What a value of a registration is about. */
interface Place {
  readonly publicUrl: string;
  readonly hive: string;
  readonly id: string;
  readonly version: string;
}

/** A value of a registration, with the addresses of registrations and packages leading through the public one. */
function toPublicValue(value: unknown, key: string, place: Place): unknown {
  if (typeof value === 'string') {
    if (key === 'packageContent') return writeContent(place) ?? value;
    return ADDRESSES.includes(key) || key === 'catalogEntry' ? toPublicAddress(value, place) : value;
  }
  if (Array.isArray(value)) return value.map((each) => toPublicValue(each, key, place));
  return isObject(value) ? toPublicObject(value, place) : value;
}

function toPublicObject(object: JsonObject, outer: Place): JsonObject {
  const subject = isObject(object.catalogEntry) ? object.catalogEntry : object;
  const { id, version } = subject;
  const place = {
    ...outer,
    ...(typeof id === 'string' && /^\w[\w.-]*$/.test(id) && { id: id.toLowerCase() }),
    ...(typeof version === 'string' && { version }),
  };
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, toPublicValue(value, key, place)]),
  );
}

/** The address of a registration here; others, such as those of the catalog, only tell things apart. */
function toPublicAddress(address: string, { publicUrl, hive, id }: Place): string {
  const at = address.toLowerCase().lastIndexOf(`/${id}/`);
  const [path = '', ...fragment] = at === -1 ? [] : address.slice(at + id.length + 2).split('#');
  const found = `/registrations/${hive}/${id}/${path}`;
  if (!REGISTRATION.test(found)) return address;
  return [publicUrl + found, ...fragment].join('#');
}

function writeContent({ publicUrl, id, version }: Place): string | undefined {
  const normal = normalizeVersion(version);
  return normal && `${publicUrl}/flatcontainer/${id}/${normal}/${id}.${normal}.nupkg`;
}

function refuseUnknown(what: string): Answer {
  return refusePlainly({ status: 404, message: `The upstream has no ${what}.` });
}
