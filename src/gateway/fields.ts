import type { HeaderFields } from '../core/request.ts';

/** RFC 9110 §7.6.1 and what implementations use likewise: fields that speak of one connection only. */
const CONNECTION_SPECIFIC = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What an upstream says to its own clients, of its own host. */
const UPSTREAM_ONLY = new Set([
  'alt-svc',
  'docker-ratelimit-source',
  'nel',
  'public-key-pins',
  'report-to',
  'reporting-endpoints',
  'set-cookie',
  'strict-transport-security',
  'www-authenticate',
]);

/** What an upstream needs of a client's request; a client's credentials are for us and go nowhere. */
const FORWARDED = [
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'cdn-loop',
  'content-encoding',
  'content-type',
  'git-protocol',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'user-agent',
  'via',
] as const;

/** Gathers the fields of a client's request that go to an upstream. */
export function selectRequestFields(headers: HeaderFields = {}): Record<string, string> {
  const named = listConnectionOptions(single(headers.connection));
  const selected: Record<string, string> = {};
  for (const name of FORWARDED) {
    const value = single(headers[name]);
    if (value !== undefined && !named.has(name)) selected[name] = value;
  }
  return selected;
}

/** Gathers the fields of an upstream's answer that go to the client. */
export function selectResponseFields(headers: Readonly<Record<string, string>>): Record<string, string> {
  const named = listConnectionOptions(headers.connection);
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name, value]) =>
        !CONNECTION_SPECIFIC.has(name) && !UPSTREAM_ONLY.has(name) && !named.has(name) && isFieldValue(value),
    ),
  );
}

/** RFC 9110 §5.5, without obs-text, which `fetch` and Node spell differently. */
export function isFieldValue(value: string): boolean {
  return /^[\t -~]*$/.test(value);
}

/** A field that may have come several times, as one. */
export function single(value: HeaderFields[string]): string | undefined {
  return typeof value === 'string' || value === undefined ? value : value.join(', ');
}

/** RFC 9110 §7.6.1: the fields that `Connection` names are connection-specific too. */
function listConnectionOptions(connection: string | undefined): ReadonlySet<string> {
  return new Set(
    connection
      ?.toLowerCase()
      .split(',')
      .map((option) => option.trim()),
  );
}
