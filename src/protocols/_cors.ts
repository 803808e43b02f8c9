import type { RuleContext } from '../core/protocol.ts';

/** The origins of pages whose scripts may read what a rule answers, as a rule's options have them. */
export const CORS_ORIGIN: RegExp = /^(?:\*|https?:\/\/[\w.-]+(?::\d{1,5})?)$/;

/** What a script gets to see besides what it always does (Fetch, "CORS-safelisted response-header name"). */
const EXPOSED =
  'accept-ranges, content-disposition, content-encoding, content-range, etag, location, warning';

/** For how long a browser need not ask again, in seconds. */
const PREFLIGHT_AGE = '600';

/** The header fields that let scripts of these origins read an answer; none without origins. */
export function corsFields(
  allowed: readonly string[],
  { origin }: Pick<RuleContext, 'origin'>,
): Readonly<Record<string, string>> | undefined {
  const [first] = allowed;
  if (first === undefined) return undefined;
  const exposed = { 'access-control-expose-headers': EXPOSED };
  if (allowed.includes('*')) return { 'access-control-allow-origin': '*', ...exposed };
  // What the upstream says of its own is no longer so, for any other page.
  const own = origin !== undefined && allowed.includes(origin) ? origin : first;
  return { 'access-control-allow-origin': own, ...exposed, vary: 'origin' };
}

/** What a browser wants to know before a script may send a request (Fetch, "CORS-preflight request"). */
export const PREFLIGHT: Readonly<Record<string, string>> = {
  allow: 'GET, HEAD, OPTIONS',
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': '*',
  'access-control-max-age': PREFLIGHT_AGE,
};
