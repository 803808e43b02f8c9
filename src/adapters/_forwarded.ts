import type { HeaderFields } from '../core/request.ts';
import { isTrusted } from './_trust.ts';

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

const NOTHING: Forwarded = {};

/**
 * Reads `X-Forwarded-Proto`, `-Host` and `-For`, if the peer may be believed. The client is the address before those of
 * trusted proxies, counted from this end, since anybody can write what stands at the other.
 */
export function readForwarded(headers: HeaderFields, peer: string | undefined, trust: TrustProxy): Forwarded {
  if (trust === false || (trust !== true && !isTrusted(peer, trust))) return NOTHING;
  const scheme = list(headers['x-forwarded-proto'])[0]?.toLowerCase();
  const host = list(headers['x-forwarded-host'])[0];
  const addresses = list(headers['x-forwarded-for']);
  const ip = trust === true ? addresses.at(-1) : (addresses.findLast((address) => !isTrusted(address, trust)) ?? addresses[0]);
  return {
    ...((scheme === 'http' || scheme === 'https') && { scheme }),
    ...(host !== undefined && { host }),
    ...(ip !== undefined && { ip }),
  };
}

function list(value: HeaderFields[string]): readonly string[] {
  if (value === undefined) return [];
  const text = typeof value === 'string' ? value : value.join(',');
  return text.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '');
}
