import type { RequestDescriptor } from '../core/request.ts';
import type { Client, ClientRequest } from '../known-clients/client.ts';
import { clients } from '../known-clients/clients.ts';

/** A request to explain. */
export interface PlannedRequest {
  /** The request. */
  readonly request: RequestDescriptor;
  /** What the client wants with it. */
  readonly purpose?: string | undefined;
}

/** What the requests are made of. */
export interface RequestOptions {
  /** The method of a request that no client chooses. */
  readonly request?: string | undefined;
  /** Header fields, `Name: value`; they replace the client's own. */
  readonly header: readonly string[];
  /** The client's address. */
  readonly ip?: string | undefined;
}

/** Finds a client by its name. */
export function findClient(name: string): Client {
  const found = clients.find((client) => client.name === name);
  if (found) return found;
  const names = clients.map((client) => client.name).join(', ');
  throw new Error(`There is no client \`${name}\` here; there are ${names}.`);
}

/**
 * The requests for an address; with names, those that a client sends for them, and so for a name that is joined to
 * its host (`get.acme.dev/acme/app:1.0`).
 */
export function planRequests(
  address: string,
  names: readonly string[],
  client: Client | undefined,
  options: RequestOptions,
): readonly PlannedRequest[] {
  if (!client) {
    if (names.length > 0)
      throw new Error('A name is asked for by a client; say with --as which one, such as `--as pip`.');
    return [{ request: toDescriptor(address, options) }];
  }
  const joined = client.joined && names.length === 0 ? splitReference(address) : undefined;
  if (joined) return planClient(client, joined.host, [joined.name], options);
  if (names.length > 0) return planClient(client, address, names, options);
  const alone = toDescriptor(address, options, client.fields);
  return [{ request: { ...alone, query: alone.query ?? client.query } }];
}

function planClient(
  client: Client,
  address: string,
  names: readonly string[],
  options: RequestOptions,
): readonly PlannedRequest[] {
  if (options.request !== undefined)
    throw new Error(
      'The client chooses the methods of its requests; leave --request out, or give an address.',
    );
  const base = toDescriptor(address, options, client.fields);
  const below = base.path.replace(/\/+$/, '');
  const all = names.flatMap((name) => {
    const requests = client.requests(name);
    if (requests) return requests;
    throw new Error(`\`${name}\` is no name for ${client.name}; write ${client.example}.`);
  });
  return all.map((each) => ({ request: toRequest(base, below, each, options), purpose: each.purpose }));
}

function toRequest(
  base: RequestDescriptor,
  below: string,
  { method, path, fields }: ClientRequest,
  { header }: RequestOptions,
): RequestDescriptor {
  const mark = path.indexOf('?');
  return {
    ...base,
    method,
    path: below + (mark === -1 ? path : path.slice(0, mark)),
    query: mark === -1 ? undefined : path.slice(mark + 1),
    headers: { ...base.headers, ...fields, ...Object.fromEntries(header.map(readField)) },
  };
}

/** `get.acme.dev/acme/app:1.0`, unless it is the address of a request. */
function splitReference(text: string): { readonly host: string; readonly name: string } | undefined {
  const reference = text.replace(/^(?:docker|oci):\/\//, '');
  if (/^https?:\/\//i.test(reference) || /^[^/]*\/v2(?:\/|$)/.test(reference)) return undefined;
  const slash = reference.indexOf('/');
  return slash < 1 ? undefined : { host: reference.slice(0, slash), name: reference.slice(slash + 1) };
}

/** Reads the address byte for byte, as it would arrive; a URL parser would mend it. */
function toDescriptor(
  url: string,
  { request = 'GET', header, ip }: RequestOptions,
  fields: Readonly<Record<string, string>> = {},
): RequestDescriptor {
  const [, scheme = 'https', authority = '', path, query] =
    /^(?:(https?):\/\/)?([^/?#]*)([^?#]*)(?:\?([^#]*))?/i.exec(url) ?? [];
  if (authority === '')
    throw new Error(`\`${url}\` has no host; write it whole, as in https://get.acme.dev/cli/1.0.`);
  const own: Record<string, string> = Object.fromEntries(header.map(readField));
  return {
    method: request.toUpperCase(),
    scheme: scheme.toLowerCase() === 'http' ? 'http' : 'https',
    host: own.host ?? authority,
    path: path || '/',
    query,
    headers: { ...fields, ...own },
    ip,
  };
}

function readField(field: string): [name: string, value: string] {
  const colon = field.indexOf(':');
  if (colon < 1) throw new Error(`\`${field}\` is not a header field; write 'Name: value'.`);
  return [field.slice(0, colon).trim().toLowerCase(), field.slice(colon + 1).trim()];
}
