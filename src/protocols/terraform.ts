/**
 * The registries of Terraform and OpenTofu: providers, modules, and mirrors of providers.
 *
 * @see https://developer.hashicorp.com/terraform/internals/provider-registry-protocol
 * @see https://developer.hashicorp.com/terraform/internals/module-registry-protocol
 * @see https://developer.hashicorp.com/terraform/internals/provider-network-mirror-protocol
 * @module
 */
import { rewriteJsonStrings } from '../core/json-rewrite.ts';
import type {
  Answer,
  Lead,
  Protocol,
  Refusal,
  RuleContext,
  Tools,
  UpstreamDocument,
} from '../core/protocol.ts';
import { leaveDocument, readDocument } from '../core/read-document.ts';
import { readModuleSource, toDownload, toPublicSource } from './_terraform-source.ts';

/** Where the services of the host are: `/.well-known/terraform.json`. */
export interface TerraformDiscovery {
  /** The kind of resource. */
  readonly type: 'discovery';
}

/** Where the services of an upstream are; no client's path means it. */
export interface TerraformServices {
  /** The kind of resource. */
  readonly type: 'services';
  /** What is looked for there. */
  readonly kind: TerraformKind;
  /** The name of a provider or module there, with the path of a base in front if there is one. */
  readonly name: string;
}

/** What a registry has versions of. */
export type TerraformKind = 'provider' | 'module';

/** The versions of a provider (`<namespace>/<type>`) or of a module (`<namespace>/<name>/<system>`). */
export interface TerraformVersions {
  /** The kind of resource. */
  readonly type: 'versions';
  /** What it has versions of. */
  readonly kind: TerraformKind;
  /** Its name. */
  readonly name: string;
  /** Where the upstream has its service, as its discovery document says; absent in what clients ask for. */
  readonly service?: string;
}

/** Where a provider's version is to be had for a platform. */
export interface TerraformPackage {
  /** The kind of resource. */
  readonly type: 'package';
  /** The provider: `<namespace>/<type>`. */
  readonly name: string;
  /** The version. */
  readonly version: string;
  /** The operating system and the architecture: `linux/amd64`. */
  readonly platform: string;
  /** Where the upstream has its service. */
  readonly service?: string;
}

/** A file of a provider's version: its archive, the list of hashes, or the signature of that list. */
export interface TerraformFile {
  /** The kind of resource. */
  readonly type: 'file';
  /** The provider: `<namespace>/<type>`. */
  readonly name: string;
  /** The version. */
  readonly version: string;
  /** The operating system and the architecture: `linux/amd64`. */
  readonly platform: string;
  /** Which of them. */
  readonly file: 'archive' | 'sums' | 'signature';
}

/** Where a module's version is to be had. */
export interface TerraformModule {
  /** The kind of resource. */
  readonly type: 'module';
  /** The module: `<namespace>/<name>/<system>`. */
  readonly name: string;
  /** The version. */
  readonly version: string;
  /** Where the upstream has its service. */
  readonly service?: string;
}

/** The archive of a module's version. */
export interface TerraformModuleArchive {
  /** The kind of resource. */
  readonly type: 'module-archive';
  /** The module: `<namespace>/<name>/<system>`. */
  readonly name: string;
  /** The version. */
  readonly version: string;
  /** What kind of archive: `tar.gz`, `zip`. */
  readonly extension: string;
}

/** A document of a mirror: the versions of a provider, or the archives of one version. */
export interface TerraformMirrorDocument {
  /** The kind of resource. */
  readonly type: 'mirror';
  /** The provider: `<hostname>/<namespace>/<type>`. */
  readonly name: string;
  /** The version; `index` for the list of them. */
  readonly version: string;
}

/** The archive of a provider's version at a mirror. */
export interface TerraformMirrorArchive {
  /** The kind of resource. */
  readonly type: 'mirror-archive';
  /** The provider: `<hostname>/<namespace>/<type>`. */
  readonly name: string;
  /** The version. */
  readonly version: string;
  /** The operating system and the architecture: `linux_amd64`. */
  readonly platform: string;
}

/** Anything that a client asks of a registry, or of a mirror. */
export type TerraformResource =
  | TerraformDiscovery
  | TerraformServices
  | TerraformVersions
  | TerraformPackage
  | TerraformFile
  | TerraformModule
  | TerraformModuleArchive
  | TerraformMirrorDocument
  | TerraformMirrorArchive;

// Registry addresses: letters, digits, and inner hyphens and underscores; only the host of a mirrored provider has dots.
const LABEL = String.raw`[\dA-Za-z][\w-]*`;
const HOST = String.raw`(?:[\dA-Za-z][\dA-Za-z-]*\.)+[\dA-Za-z-]+(?::\d{1,5})?`;
const VERSION = String.raw`\d[\dA-Za-z.+-]*`;
const PROVIDER_NAME = `${LABEL}/${LABEL}`;
const MODULE_NAME = `${LABEL}/${LABEL}/${LABEL}`;
const PLATFORM = String.raw`[a-z\d]+`;
const VERSIONS = new RegExp(`^/v1/(?:providers/(${PROVIDER_NAME})|modules/(${MODULE_NAME}))/versions$`);
const PACKAGE = new RegExp(
  `^/v1/providers/(${PROVIDER_NAME})/(${VERSION})/download/(${PLATFORM}/${PLATFORM})(?:/([^/]+))?$`,
);
const MODULE = new RegExp(`^/v1/modules/(${MODULE_NAME})/(${VERSION})/(download|archive\\.[a-z\\d.]+)$`);
const MIRROR = new RegExp(`^/(${HOST}/${PROVIDER_NAME})/(index|${VERSION})\\.json$`);
const MIRROR_ARCHIVE = new RegExp(
  `^/(${HOST}/${PROVIDER_NAME})/terraform-provider-([^/_]+(?:_[^/_]+)*)_(${VERSION})_(${PLATFORM}_${PLATFORM})\\.zip$`,
);

const DISCOVERY = '/.well-known/terraform.json';
/** The longest of an upstream's documents that are read whole, in bytes; it has a few keys and addresses. */
const MOST = 1_048_576;
/** For how long an upstream's services are where they were, in seconds. */
const SERVICES_KEPT = 300;
/** For how long a package is where it was, in seconds: an install asks for its files at once, and addresses may be signed. */
const PLACE_KEPT = 60;

/** The protocol of the registries of Terraform and OpenTofu. */
export const terraform: Protocol<TerraformResource> = {
  name: 'terraform',
  subjects: 'name',
  errorType: 'application/json',

  parse({ method, path }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === DISCOVERY) return { type: 'discovery' };
    return path.startsWith('/v1/') ? parseRegistry(path) : parseMirror(path);
  },

  format,

  subject: (resource) => (resource.type === 'discovery' ? undefined : resource.name),

  rename: (resource, name) => (resource.type === 'discovery' ? resource : { ...resource, name }),

  deliver(resource, { publicUrl }) {
    switch (resource.type) {
      case 'discovery':
        return { type: 'respond', answer: describeServices(publicUrl) };
      case 'mirror':
        if (resource.version === 'index') return { type: 'redirect', status: 302 };
        // A client takes the archives' addresses from this document.
        return { type: 'proxy', delivery: 'rewrite' };
      default:
        // Where the upstream has its service is known from its own discovery document only.
        return { type: 'carry' };
    }
  },

  async carry(resource, context, tools) {
    switch (resource.type) {
      case 'versions':
        return leadTo(tools.locate(await atService(resource, resource.kind, context, tools)));
      case 'package':
        return describePackage(resource, context, tools);
      case 'file':
        return findFile(resource, context, tools);
      case 'module':
        return describeModule(resource, context, tools);
      case 'module-archive':
        return findModule(resource, context, tools);
      case 'mirror-archive':
        return findInMirror(resource, tools);
      default:
        return refuse({ status: 404, message: 'There is nothing to find.' });
    }
  },

  refuse,

  rewrite(resource, { headers, body }, { publicUrl }) {
    if (resource.type !== 'mirror') return { headers, body };
    const { name, version } = resource;
    return {
      headers,
      body: rewriteJsonStrings(body, [['archives', '*', 'url']], ([, platform = '']) => {
        return publicUrl + format({ type: 'mirror-archive', name, version, platform });
      }),
    };
  },

  usage: (subject, publicUrl) =>
    `terraform init  # with source = "${publicUrl.replace(/^https?:\/\//, '')}/${subject}"`,
};

function parseRegistry(path: string): TerraformResource | undefined {
  const versions = VERSIONS.exec(path);
  if (versions) {
    const [, provider, module = ''] = versions;
    return provider === undefined
      ? { type: 'versions', kind: 'module', name: module }
      : { type: 'versions', kind: 'provider', name: provider };
  }
  const [, name = '', version = '', platform = '', file] = PACKAGE.exec(path) ?? [];
  if (name !== '') return parsePackage({ name, version, platform }, file);
  const [, module, release = '', what = ''] = MODULE.exec(path) ?? [];
  if (module === undefined) return undefined;
  if (what === 'download') return { type: 'module', name: module, version: release };
  const extension = what.slice('archive.'.length);
  return readModuleSource(`https://a.example/${what}`)?.extension === extension
    ? { type: 'module-archive', name: module, version: release, extension }
    : undefined;
}

function parsePackage(
  of: Pick<TerraformPackage, 'name' | 'version' | 'platform'>,
  file: string | undefined,
): TerraformPackage | TerraformFile | undefined {
  if (file === undefined) return { type: 'package', ...of };
  const kind = FILES.find((each) => fileName({ type: 'file', ...of, file: each }) === file);
  return kind && { type: 'file', ...of, file: kind };
}

function parseMirror(path: string): TerraformResource | undefined {
  const [, name, version = ''] = MIRROR.exec(path) ?? [];
  if (name !== undefined) return { type: 'mirror', name, version };
  const [, provider, type, release = '', platform = ''] = MIRROR_ARCHIVE.exec(path) ?? [];
  if (provider === undefined || type !== lastOf(provider)) return undefined;
  return { type: 'mirror-archive', name: provider, version: release, platform };
}

function format(resource: TerraformResource): string {
  switch (resource.type) {
    case 'discovery':
      return DISCOVERY;
    case 'services':
      return baseOf(resource.kind, resource.name) + DISCOVERY;
    case 'versions':
      return `${registryPath(resource.kind, resource)}/versions`;
    case 'package':
      return `${registryPath('provider', resource)}/${resource.version}/download/${resource.platform}`;
    case 'file':
      return `/v1/providers/${resource.name}/${resource.version}/download/${resource.platform}/${fileName(resource)}`;
    case 'module':
      return `${registryPath('module', resource)}/${resource.version}/download`;
    case 'module-archive':
      return `/v1/modules/${resource.name}/${resource.version}/archive.${resource.extension}`;
    case 'mirror':
      return `/${resource.name}/${resource.version}.json`;
    case 'mirror-archive':
      return `/${resource.name}/terraform-provider-${lastOf(resource.name)}_${resource.version}_${resource.platform}.zip`;
  }
}

const FILES = ['archive', 'sums', 'signature'] as const;

/** The names that HashiCorp's releases have, whatever the upstream's are called. */
function fileName({ name, version, platform, file }: TerraformFile): string {
  const stem = `terraform-provider-${lastOf(name)}_${version}`;
  if (file === 'archive') return `${stem}_${platform.replace('/', '_')}.zip`;
  return file === 'sums' ? `${stem}_SHA256SUMS` : `${stem}_SHA256SUMS.sig`;
}

function lastOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** Splits the name that a rule leads to: a registry's names have two or three parts, what is before is a base. */
function splitName(kind: TerraformKind, name: string): readonly [base: string, name: string] {
  const parts = name.split('/');
  const own = parts.splice(kind === 'provider' ? -2 : -3);
  return [parts.map((part) => `/${part}`).join(''), own.join('/')];
}

function baseOf(kind: TerraformKind, name: string): string {
  return splitName(kind, name)[0];
}

function registryPath(kind: TerraformKind, { name, service }: { name: string; service?: string }): string {
  const [base, own] = splitName(kind, name);
  return `${service ?? `${base}/v1/${kind}s/`}${own}`;
}

/** Remote service discovery: paths of this host, whatever those of the upstream are. */
function describeServices(publicUrl: string): Answer {
  const path = publicUrl.replace(/^https?:\/\/[^/]*/, '');
  const services = { 'modules.v1': `${path}/v1/modules/`, 'providers.v1': `${path}/v1/providers/` };
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: `${JSON.stringify(services)}\n`,
  };
}

/** The resource where the upstream has its service; where it describes none, below its base. */
async function atService<R extends TerraformVersions | TerraformPackage | TerraformModule>(
  resource: R,
  kind: TerraformKind,
  { upstream }: RuleContext,
  tools: Tools,
): Promise<R> {
  const service = await tools.keep(`services ${kind}`, SERVICES_KEPT, async () => {
    const services: TerraformServices = { type: 'services', kind, name: resource.name };
    const { status, url, body } = await tools.fetch(services, JSON_ONLY);
    if (status !== 200) {
      await leaveDocument(body);
      return '';
    }
    return readService(await readDocument(body, MOST), `${kind}s.v1`, url, upstream?.origin);
  });
  return service === '' ? resource : { ...resource, service };
}

const JSON_ONLY = { accept: 'application/json' };

/** The path of a service. Throws when it is at another origin, which no rule names. */
function readService(text: string, key: string, url: string, origin: string | undefined): string {
  const described = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
  const value = described?.[key];
  if (typeof value !== 'string' || !URL.canParse(value, url)) return '';
  const service = new URL(value, url);
  if (service.origin !== origin)
    throw new Error(`Its ${key} is at ${service.origin}; write that host in \`to\`.`);
  return service.pathname.endsWith('/') ? service.pathname : `${service.pathname}/`;
}

/** The document of a package, its addresses leading here; every other byte stays. */
async function describePackage(
  resource: TerraformPackage,
  context: RuleContext,
  tools: Tools,
): Promise<Answer> {
  const document = await tools.fetch(await atService(resource, 'provider', context, tools), JSON_ONLY);
  const refused = await refuseOther(document, 'provider');
  if (refused) return refused;
  const { name, version, platform } = resource;
  const body = rewriteJsonStrings(
    document.body,
    Object.values(ADDRESSES).map((key) => [key]),
    ([key]) => {
      const file = FILES.find((each) => ADDRESSES[each] === key) ?? 'archive';
      return context.publicUrl + format({ type: 'file', name, version, platform, file });
    },
  );
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: await readDocument(body, MOST),
  };
}

const ADDRESSES = {
  archive: 'download_url',
  sums: 'shasums_url',
  signature: 'shasums_signature_url',
} as const;

async function findFile(resource: TerraformFile, context: RuleContext, tools: Tools): Promise<Answer | Lead> {
  const { name, version, platform } = resource;
  const asked: TerraformPackage = { type: 'package', name, version, platform };
  return findAddress(
    tools,
    `package ${version} ${platform}`,
    async () => tools.fetch(await atService(asked, 'provider', context, tools), JSON_ONLY),
    (text) => (JSON.parse(text) as Record<string, unknown> | null)?.[ADDRESSES[resource.file]],
  );
}

async function findInMirror(
  { name, version, platform }: TerraformMirrorArchive,
  tools: Tools,
): Promise<Answer | Lead> {
  const document: TerraformMirrorDocument = { type: 'mirror', name, version };
  return findAddress(
    tools,
    `mirror ${version}`,
    () => tools.fetch(document, JSON_ONLY),
    (text) => {
      const { archives } = (JSON.parse(text) ?? {}) as MirrorDocument;
      return archives && Object.hasOwn(archives, platform) ? archives[platform]?.url : undefined;
    },
  );
}

interface MirrorDocument {
  readonly archives?: Readonly<Record<string, { readonly url?: unknown } | null>>;
}

/** What the gateway keeps of a document: how it was answered, from where, and what it says. */
interface Kept {
  readonly status: number;
  readonly url: string;
  readonly text: string;
}

/** Leads to the address that a document has, relative to where the document is. */
async function findAddress(
  tools: Tools,
  key: string,
  fetch: () => Promise<UpstreamDocument>,
  read: (text: string) => unknown,
): Promise<Answer | Lead> {
  for (let first = true; ; first = false) {
    const text = await tools.keep(key, PLACE_KEPT, async () => {
      const { status, url, body } = await fetch();
      if (status === 200) return JSON.stringify({ status, url, text: await readDocument(body, MOST) });
      await leaveDocument(body);
      return JSON.stringify({ status, url, text: 'null' });
    });
    const kept = JSON.parse(text) as Kept;
    const address = read(kept.text);
    if (typeof address === 'string' && URL.canParse(address, kept.url))
      return leadTo(new URL(address, kept.url).href);
    tools.forget(key);
    if (!first) return refuseStatus(kept.status, 'provider');
  }
}

/** The source of a module: an archive leads here, anything else is the client's to fetch. */
async function describeModule(
  resource: TerraformModule,
  context: RuleContext,
  tools: Tools,
): Promise<Answer> {
  const found = await fetchSource(resource, context, tools);
  if ('status' in found) return found;
  const source = readModuleSource(found.source);
  const { name, version } = resource;
  const address =
    source &&
    toPublicSource(source, (extension) => {
      return context.publicUrl + format({ type: 'module-archive', name, version, extension });
    });
  return {
    status: 204,
    headers: { 'content-type': 'application/json', 'x-terraform-get': address ?? found.source },
    body: '',
  };
}

async function findModule(
  resource: TerraformModuleArchive,
  context: RuleContext,
  tools: Tools,
): Promise<Answer | Lead> {
  const { name, version } = resource;
  const found = await fetchSource({ type: 'module', name, version }, context, tools);
  if ('status' in found) return found;
  const source = readModuleSource(found.source);
  return source ? leadTo(toDownload(source)) : refuseStatus(404, 'module');
}

/** Where the upstream has a module's version, in the words of go-getter; what is relative is made absolute. */
async function fetchSource(
  resource: TerraformModule,
  context: RuleContext,
  tools: Tools,
): Promise<Answer | { readonly source: string }> {
  const document = await tools.fetch(await atService(resource, 'module', context, tools), JSON_ONLY);
  const { status, url, headers, body } = document;
  if (status !== 204) {
    const refused = await refuseOther(document, 'module');
    if (refused) return refused;
  }
  const text = await readDocument(body, MOST);
  const source = headers['x-terraform-get'] ?? readLocation(text);
  if (source === undefined) return refuse({ status: 502, message: 'The upstream does not say where it is.' });
  return {
    source: /^\.{0,2}\//.test(source) && URL.canParse(source, url) ? new URL(source, url).href : source,
  };
}

/** OpenTofu's registries may answer with `{"location": …}` instead. */
function readLocation(text: string): string | undefined {
  const location = text.startsWith('{') ? (JSON.parse(text) as { location?: unknown }).location : undefined;
  return typeof location === 'string' && /^[!-~]+$/.test(location) ? location : undefined;
}

function leadTo(url: string): Lead {
  return { url, status: 302 };
}

/** The refusal that an answer other than a document means. */
async function refuseOther({ status, body }: UpstreamDocument, what: string): Promise<Answer | undefined> {
  if (status === 200) return undefined;
  await leaveDocument(body);
  return refuseStatus(status, what);
}

/** A refusal of the upstream is passed on as it is; all else means that there is none. */
function refuseStatus(status: number, what: string): Answer {
  if (status === 401 || status === 403)
    return refuse({ status, message: `The registry does not give this ${what} to this client.` });
  return refuse({ status: 404, message: `The registry does not have this ${what}.` });
}

function refuse({ status, message, headers }: Refusal): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ errors: [message] }),
  };
}
