import type { RedirectDecision } from '../core/decision.ts';
import type { ByteStream, CarriedAnswer, Message } from '../core/protocol.ts';
import type { ExchangeResult } from './exchange.ts';
import { isFieldValue, selectResponseFields } from './fields.ts';
import type { Rewrite } from './rewrite.ts';
import { UpstreamError, type UpstreamResponse } from './transport.ts';

/** RFC 9110 §15.3.5, §15.3.6, §15.4.5. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/** The answer for a client. */
export interface GatewayResponse {
  /** The status. */
  readonly status: number;
  /** The header fields by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; a stream that throws cannot be completed, and then the connection must be cut. */
  readonly body: string | ByteStream;
}

/** The answer of a redirect: without a body, which a client that does not follow might run, and never kept by a cache. */
export function toRedirect({
  status,
  location,
  headers,
}: Pick<RedirectDecision, 'status' | 'location' | 'headers'>): GatewayResponse {
  return {
    status,
    headers: { ...headers, location, 'cache-control': 'no-store', 'content-length': '0' },
    body: '',
  };
}

/** An answer with more fields; those that may come several times are joined to the ones that are there. */
export function withFields(
  response: GatewayResponse,
  fields: GatewayResponse['headers'] | undefined,
): GatewayResponse {
  if (!fields) return response;
  const headers: Record<string, string> = { ...response.headers, ...fields };
  for (const name of ['vary', 'warning']) {
    const [own, added] = [response.headers[name], fields[name]];
    if (own !== undefined && added !== undefined) headers[name] = `${own}, ${added}`;
  }
  return { ...response, headers };
}

/** An answer that was made here. */
export function toResponse({ status, headers, body, encoding }: CarriedAnswer): GatewayResponse {
  if (encoding === 'base64') {
    const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
    return { status, headers: { ...headers, 'content-length': String(bytes.length) }, body: once(bytes) };
  }
  return {
    status,
    headers: { ...headers, 'content-length': String(new TextEncoder().encode(body).length) },
    body,
  };
}

async function* once(bytes: Uint8Array): ByteStream {
  yield bytes;
}

/** Makes of what an upstream answered what the client gets. */
export function toClientResponse(
  { response, url, relayed }: Omit<ExchangeResult, 'passed'>,
  method: string,
  rewrite: Rewrite | undefined,
): GatewayResponse {
  if (relayed) {
    response.discard();
    const { location = '' } = response.headers;
    return toRedirect({
      status: toTemporary(response.status),
      location: isAbsolute(location) ? location : relayed.href,
    });
  }
  if (response.status < 200 || response.status > 599) {
    response.discard();
    throw new UpstreamError(`The upstream answers with the status ${response.status}.`, 502);
  }
  const headers = selectResponseFields(response.headers);
  const message = rewrite ? applyRewrite(rewrite, response, url, headers) : { headers, body: response.body };
  if (method !== 'HEAD' && !WITHOUT_BODY.has(response.status)) return { status: response.status, ...message };
  response.discard();
  return { status: response.status, headers: message.headers, body: '' };
}

function applyRewrite(
  rewrite: Rewrite,
  response: UpstreamResponse,
  url: string,
  headers: Readonly<Record<string, string>>,
): Pick<Message, 'headers' | 'body'> {
  try {
    return rewrite.apply(response.status, { url, headers, body: response.body });
  } catch (error) {
    response.discard();
    throw error;
  }
}

/** An address that was signed must reach the client byte for byte. */
function isAbsolute(location: string): boolean {
  return /^https?:\/\//i.test(location) && isFieldValue(location);
}

/** A permanent redirect of an upstream must not outlive the rule that led to it. */
function toTemporary(status: number): RedirectDecision['status'] {
  if (status === 301) return 302;
  return status === 308 ? 307 : (status as RedirectDecision['status']);
}
