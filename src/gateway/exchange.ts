import type { CompiledUpstream } from '../core/compiled-rule.ts';
import type { ClientCredential } from '../core/credential.ts';
import type { Admission, ByteStream, Passage, Protocol } from '../core/protocol.ts';
import { judge } from './address.ts';
import type { Authorization, ProtectionSpace, TokenBroker } from './token-broker.ts';
import { createFetchToken } from './token-server.ts';
import { type Transport, UpstreamError, type UpstreamRequest, type UpstreamResponse } from './transport.ts';

/** The most redirects that are followed for one request. */
const MAX_HOPS = 10;

/** A request to carry out at an upstream, redirects and challenges included. */
export interface Exchange {
  /** The method. */
  readonly method: string;
  /** The address; when it is not the upstream's own, it is judged like a redirect of the upstream. */
  readonly target: string;
  /** The header fields by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; then nothing is sent twice. */
  readonly body: ByteStream | undefined;
  /** Ends the exchange. */
  readonly signal: AbortSignal;
  /** The upstream whose rule says what may be fetched and with what. */
  readonly upstream: CompiledUpstream;
  /** The protocol of the resource. */
  readonly protocol: Protocol;
  /** The name of the resource there, for which a token is good. */
  readonly place: string;
  /** The credential for the upstream's own origin; no other sees it. */
  readonly credential: ClientCredential | undefined;
  /** An `Authorization` that goes to the upstream's own origin as it is, instead of a credential. */
  readonly authorization?: string | undefined;
  /** Tells whether a redirect goes to the client instead of being followed. */
  relays(location: URL): boolean;
}

/** The answer of an exchange: the last upstream's, or a redirect for the client. */
export interface ExchangeResult {
  /** The answer. */
  readonly response: UpstreamResponse;
  /** The address that it came from. */
  readonly url: string;
  /** The redirects that were followed, in their order. */
  readonly passed: readonly Passage[];
  /** Where the client is to go. */
  readonly relayed?: URL;
}

/** What an exchange needs of the gateway. */
export interface ExchangeTools {
  /** Sends a request. */
  readonly transport: Transport;
  /** Finds authorizations. */
  readonly broker: TokenBroker;
}

/**
 * Carries out a request at an upstream: authenticates when asked to, and follows redirects, without the credential as
 * soon as another origin is reached.
 *
 * @throws UpstreamError The upstream cannot be reached, or leads where its rule does not allow it to.
 */
export async function exchange(tools: ExchangeTools, request: Exchange): Promise<ExchangeResult> {
  let url = new URL(request.target);
  let target = startAt(request, url);
  const passed: Passage[] = [];
  for (let hop = 0; hop <= MAX_HOPS; hop++) {
    const response = await send(tools, request, target, request.method);
    const location = isRedirect(response.status) ? response.headers.location : undefined;
    if (location === undefined)
      return { response: await resolveHead(tools, request, target, response, hop), url: url.href, passed };
    const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
    if (next && request.relays(next)) return { response, url: url.href, passed, relayed: next };
    response.discard();
    passed.push({ url: url.href, headers: response.headers });
    if (!next) throw new UpstreamError(`${url.origin}: the redirect has no address.`, 502);
    if (request.body)
      throw new UpstreamError(`${url.origin} redirects a request whose body cannot be sent twice.`, 502);
    target = followTo(request, next);
    url = next;
  }
  throw new UpstreamError(`${url.origin}: more than ${MAX_HOPS} redirects.`, 502);
}

interface Target {
  readonly origin: string;
  readonly path: string;
  readonly guarded: boolean;
}

/** The upstream's own address as it was put together, byte for byte. */
function startAt(request: Exchange, url: URL): Target {
  const { origin } = request.upstream;
  if (url.origin !== origin) return followTo(request, url);
  return { origin, path: request.target.slice(origin.length), guarded: false };
}

/** An address that an upstream chose. */
function followTo({ upstream }: Exchange, url: URL): Target {
  const verdict = judge(url, upstream);
  if (verdict === 'refused')
    throw new UpstreamError(`${upstream.origin} leads to ${url.origin}, which the rule does not allow.`, 502);
  return { origin: url.origin, path: url.pathname + url.search, guarded: verdict === 'guarded' };
}

/** Sends one request, and once more when the upstream's challenge can be answered. */
async function send(
  tools: ExchangeTools,
  request: Exchange,
  target: Target,
  method: string,
): Promise<UpstreamResponse> {
  const { transport, broker } = tools;
  if (request.authorization !== undefined && target.origin === request.upstream.origin)
    return transport(toUpstreamRequest(request, target, method, request.authorization));
  const space = spaceOf(request, target.origin);
  const fetchToken = createFetchToken(transport, request.upstream, target.origin);
  const known = await broker.authorize(space, fetchToken);
  const response = await transport(toUpstreamRequest(request, target, method, known?.field));
  const challenge = response.headers['www-authenticate'];
  if (response.status !== 401 || challenge === undefined || request.body) return response;
  const answer = await broker.answer(space, challenge, known?.field, fetchToken);
  if (answer === undefined) return response;
  response.discard();
  return transport(toUpstreamRequest(request, target, method, answer.field));
}

/**
 * Asks whether an upstream takes a credential: a token server says so when it gives a token for it; of a password, only
 * the answer to a request tells.
 *
 * @throws UpstreamError The upstream gives no usable answer.
 */
export async function admit(tools: ExchangeTools, request: Exchange): Promise<Admission> {
  const { transport, broker } = tools;
  const { origin } = request.upstream;
  const target = { origin, path: request.target.slice(origin.length), guarded: false };
  const space = spaceOf(request, origin);
  const fetchToken = createFetchToken(transport, request.upstream, origin);
  const known = await broker.authorize(space, fetchToken);
  if (known?.expires !== undefined) return toAdmission(known.expires);
  const status = await ask(known);
  if (status.code !== 401) return judgeStatus(status.code);
  const answer = status.challenge && (await broker.answer(space, status.challenge, known?.field, fetchToken));
  if (!answer) return { type: 'refused' };
  return answer.expires === undefined ? judgeStatus((await ask(answer)).code) : toAdmission(answer.expires);

  async function ask(authorization: Authorization | undefined) {
    const response = await transport(
      toUpstreamRequest(request, target, request.method, authorization?.field),
    );
    response.discard();
    return { code: response.status, challenge: response.headers['www-authenticate'] };
  }

  function judgeStatus(code: number): Admission {
    if (code === 429 || code >= 500) throw new UpstreamError(`${origin} answers ${code}.`, 502);
    return { type: code === 401 || code === 403 ? 'refused' : 'admitted' };
  }
}

function toAdmission(expires: number): Admission {
  return { type: 'admitted', expiresIn: Math.floor((expires - Date.now()) / 1000) };
}

function toUpstreamRequest(
  request: Exchange,
  target: Target,
  method: string,
  authorization: string | undefined,
): UpstreamRequest {
  return {
    ...target,
    method,
    headers: authorization === undefined ? request.headers : { ...request.headers, authorization },
    body: request.body,
    signal: request.signal,
  };
}

/** A credential is for the origin that its rule names; any other gets what anybody gets. */
function spaceOf({ upstream, protocol, place, credential }: Exchange, origin: string): ProtectionSpace {
  const own = origin === upstream.origin ? credential : undefined;
  return { origin, place, credential: own, eager: protocol.authentication !== 'challenge' };
}

/** Addresses that are signed for GET refuse HEAD; asked again for GET, they tell the same fields. */
async function resolveHead(
  tools: ExchangeTools,
  request: Exchange,
  target: Target,
  response: UpstreamResponse,
  hop: number,
): Promise<UpstreamResponse> {
  if (request.method !== 'HEAD' || hop === 0 || ![400, 403, 405, 501].includes(response.status))
    return response;
  response.discard();
  const again = await send(tools, request, target, 'GET');
  again.discard();
  return { ...again, body: nothing() };
}

async function* nothing(): ByteStream {}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
