import type { HeaderFields } from '../core/request.ts';
import { compileTrust } from './_trust.ts';

/** Who may say, by `X-Forwarded-*` fields, where a request came from and what it asked for. */
export type TrustProxy = boolean | readonly string[];

/** What the proxies in front say of a request. */
export interface Forwarded {
  /** The scheme that the client used. */
  readonly scheme?: 'http' | 'https';
  /** The host that the client asked. */
  readonly host?: string;
  /** The client's address. */
  readonly ip?: string;
}

/** Reads what the proxies in front say, if the peer may be believed. */
export type ReadForwarded = (headers: HeaderFields, peer: string | undefined) => Forwarded;

const NOTHING: Forwarded = {};

/**
 * Makes the reader of `X-Forwarded-Proto`, `-Host` and `-For`. The client is the address before those of trusted
 * proxies, counted from this end, since anybody can write what stands at the other.
 *
 * @throws TypeError An entry of the list is neither an address nor a network.
 */
export function createReadForwarded(trust: TrustProxy): ReadForwarded {
  if (trust === false) return () => NOTHING;
  if (trust === true) return (headers) => read(headers, (addresses) => addresses.at(-1));
  const isTrusted = compileTrust(trust);
  const findClient = (addresses: readonly string[]) =>
    addresses.findLast((address) => !isTrusted(address)) ?? addresses[0];
  return (headers, peer) => (isTrusted(peer) ? read(headers, findClient) : NOTHING);
}

function read(
  headers: HeaderFields,
  findClient: (addresses: readonly string[]) => string | undefined,
): Forwarded {
  const scheme = list(headers['x-forwarded-proto'])[0]?.toLowerCase();
  const host = list(headers['x-forwarded-host'])[0];
  const ip = findClient(list(headers['x-forwarded-for']));
  return {
    ...((scheme === 'http' || scheme === 'https') && { scheme }),
    ...(host !== undefined && { host }),
    ...(ip !== undefined && { ip }),
  };
}

function list(value: HeaderFields[string]): readonly string[] {
  if (value === undefined) return [];
  const text = typeof value === 'string' ? value : value.join(',');
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
