import type { RuleSet } from '../core/compile.ts';
import { type Route, route } from '../core/decide.ts';
import type { CarryDecision, ProxyDecision, RedirectDecision } from '../core/decision.ts';
import type { ClientReport } from '../core/protocol.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { ClientCredentials } from './client-credentials.ts';
import type { CredentialKeeper } from './credential-keeper.ts';
import { type Exchange, type ExchangeResult, type ExchangeTools, exchange } from './exchange.ts';
import { selectRequestFields, selectResponseFields, single } from './fields.ts';
import { toFollowable } from './followable.ts';
import type { GatewayRequest, Outcome } from './gateway-request.ts';
import type { Guard } from './guard.ts';
import type { Health } from './health.ts';
import { markForwarded } from './loop.ts';
import type { Memory } from './memory.ts';
import { createPatience } from './patience.ts';
import { type RateLimit, readRateLimit } from './rate-limit.ts';
import { mendError, refuseAlike, toRefusal, toUpstreamError } from './refusal.ts';
import { type GatewayResponse, toClientResponse, withFields } from './response.ts';
import { prepareRewrite, type Rewrite } from './rewrite.ts';
import { type Ties, tieOf } from './ties.ts';
import { UpstreamError } from './transport.ts';

/** What carries decisions out that need an upstream. */
export interface ProxyTools extends ExchangeTools {
  /** Finds the credentials of rules. */
  readonly keeper: CredentialKeeper;
  /** Reads the credentials of clients. */
  readonly clients: ClientCredentials;
  /** Keeps what protocols make of documents. */
  readonly memory: Memory;
  /** How long an upstream may take to answer when another one can, in milliseconds. */
  readonly patience: number;
  /** Holds shares back that fare worse than the others. */
  readonly guard: Guard;
  /** Knows which upstreams are in order. */
  readonly health: Health;
  /** Remembers where indexes came from. */
  readonly ties: Ties;
  /** Told of every upstream that failed a request. */
  onUpstreamError(error: UpstreamError, decision: ProxyDecision | CarryDecision | RedirectDecision): void;
  /** Told what clients report. */
  onReport(report: ClientReport, decision: CarryDecision): void;
  /** Told what an upstream says of its limits. */
  onRateLimit(limit: RateLimit, decision: ProxyDecision): void;
}

/** A route that leads to an upstream. */
export type ProxyRoute = { readonly [Key in keyof Route]-?: NonNullable<Route[Key]> } & {
  readonly decision: ProxyDecision;
};

/** What a request is authorized with at an upstream. */
type Proof = Pick<Exchange, 'credential' | 'authorization'>;

/** Tells whether a route leads to an upstream. */
export function isProxyRoute(found: Route): found is ProxyRoute {
  return found.decision.type === 'proxy';
}

/**
 * Tries the upstreams of the rule in turn; the first that is in order answers, or else the last. `undefined` when a
 * later upstream takes no proxying.
 */
export async function proxy(
  tools: ProxyTools,
  ruleSet: RuleSet,
  request: GatewayRequest,
  first: ProxyRoute,
): Promise<Outcome | Route> {
  const order = listAttempts(tools, request, first);
  let failed = false;
  for (const [attempt, number] of order.entries()) {
    const next =
      attempt === 0 && number === first.order[0]
        ? first
        : route(ruleSet, request.descriptor, tools.health.now(), number);
    if (!isProxyRoute(next)) return next;
    const response = await tryUpstream(tools, request, next, attempt + 1 >= order.length);
    if (response === 'failed') failed = true;
    if (response === 'failed' || response === 'absent') continue;
    // What the last one does not have, one that has failed may have.
    if (response && failed && isAbsent(response.status, next))
      return { decision: next.decision, response: toRefusal(next.protocol, 502) };
    if (response && response.status < 400) tools.ties.note(next, request.descriptor, number);
    return { decision: next.decision, response };
  }
  return first;
}

/** The numbers of the upstreams to ask, in their order: what belongs to an index is nowhere else than the index was. */
export function listAttempts(
  { ties }: ProxyTools,
  { descriptor, body }: GatewayRequest,
  first: Route,
): readonly number[] {
  const only = ties.find(first, descriptor);
  if (only !== undefined) return [only];
  const { order = [] } = first;
  return body ? order.slice(0, 1) : order;
}

/**
 * The answer of one upstream, or why another one should be asked: it has failed, or does not have what another may have.
 * `undefined` when nobody waits for an answer any more.
 */
export async function tryUpstream(
  tools: ProxyTools,
  request: GatewayRequest,
  next: ProxyRoute,
  last: boolean,
): Promise<GatewayResponse | 'failed' | 'absent' | undefined> {
  const { decision, protocol, resource, context, upstream } = next;
  const fields = markForwarded(selectRequestFields(request.descriptor.headers));
  const rewrite =
    decision.delivery === 'rewrite' ? prepareRewrite(fields, protocol, resource, context) : undefined;
  try {
    const proof = await findProof(tools, request.descriptor, next);
    if (proof === 'invalid') return askForCredential(next, 'invalid_token');
    // Where another upstream can answer, nobody has to wait for this one for long.
    const patience = last ? undefined : createPatience(request.signal, tools.patience);
    const asked = toExchange(request, next, proof, rewrite?.headers ?? fields, patience?.signal);
    const result = await watch(tools, next, request.signal, () => {
      const fetching = fetchWith(tools, asked);
      return patience ? patience.guard(upstream.origin, fetching) : fetching;
    });
    const { status, headers } = result.response;
    const limit = readRateLimit(headers);
    if (limit) tools.onRateLimit(limit, decision);
    if (last || !isForAnother(status, next))
      return toAnswer(result, request.descriptor.method, next, rewrite);
    result.response.discard();
    if (isAbsent(status, next)) return 'absent';
    throw new UpstreamError(`${upstream.origin} answers ${status}.`, 502);
  } catch (error) {
    if (request.signal?.aborted) return undefined;
    const failure = toUpstreamError(error, upstream.origin);
    tools.onUpstreamError(failure, decision);
    return last ? withFields(toRefusal(protocol, failure.status), decision.headers) : 'failed';
  }
}

/** Makes a request, of which the health and the guard learn what becomes. */
async function watch(
  { health, guard }: ProxyTools,
  { rule, upstream }: ProxyRoute,
  signal: AbortSignal | undefined,
  ask: () => Promise<ExchangeResult>,
): Promise<ExchangeResult> {
  try {
    const result = await health.watch(upstream, ask);
    const { status } = result.response;
    guard.note(rule, upstream, status === 429 || status >= 500);
    return result;
  } catch (error) {
    if (!signal?.aborted) guard.note(rule, upstream, true);
    throw error;
  }
}

/** The rule's credential, or the client's own where the rule wants that one. */
export async function findProof(
  { keeper, clients }: ProxyTools,
  { headers, host }: RequestDescriptor,
  { upstream, protocol }: Pick<ProxyRoute, 'upstream' | 'protocol'>,
): Promise<Proof | 'invalid'> {
  if (!upstream.delegated) return { credential: await keeper.get(upstream) };
  const authorization = single(headers?.authorization);
  if (protocol.authentication !== 'challenge') return { credential: undefined, authorization };
  const shown = await clients.read(authorization, host);
  return shown === 'invalid' ? shown : { credential: shown.credential };
}

/** Fetches, and once more when a credential that can be fetched anew is no longer taken. */
export async function fetchWith(tools: ProxyTools, request: Exchange): Promise<ExchangeResult> {
  const result = await exchange(tools, request);
  const { upstream, body, credential } = request;
  const { response } = result;
  if (upstream.delegated || body || (response.status !== 401 && response.status !== 403)) return result;
  const other = await tools.keeper.replace(upstream, credential);
  if (!other) return result;
  response.discard();
  return exchange(tools, { ...request, credential: other });
}

function toExchange(
  { descriptor, body, signal: own = new AbortController().signal }: GatewayRequest,
  next: ProxyRoute,
  proof: Proof,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal = own,
): Exchange {
  const { protocol, rule, upstream, place, decision } = next;
  return {
    method: descriptor.method,
    target: decision.target,
    headers,
    body,
    signal,
    upstream,
    protocol,
    place,
    ...proof,
    relays(location) {
      // A HEAD is resolved here: an address that is signed for GET refuses it.
      if (decision.delivery !== 'relay' || descriptor.method === 'HEAD') return false;
      if (!isDownloadable(location)) return false;
      if (descriptor.scheme === 'https' && location.protocol === 'http:' && !rule.downgrade) return false;
      // What is the upstream's own again wants the credential that only we have.
      if (upstream.authenticated && !protocol.exclusive && location.origin === upstream.origin) return false;
      // What is of the same protocol again wants an authorization that only we have.
      return !(protocol.exclusive && protocol.parse({ method: 'GET', path: location.pathname }));
    },
  };
}

function toAnswer(
  result: ExchangeResult,
  method: string,
  next: ProxyRoute,
  rewrite: Rewrite | undefined,
): GatewayResponse {
  const { response } = result;
  const { protocol, upstream, decision } = next;
  const alike = result.relayed ? undefined : refuseAlike(protocol, response);
  if (alike) response.discard();
  const answer = alike ?? mendError(protocol, toClientResponse(result, method, rewrite));
  const followed = result.relayed && method === 'GET' ? toFollowable(answer, protocol) : answer;
  const told = alike ? undefined : readFields(result, next);
  const fields = withFields(withFields(followed, told), decision.headers);
  if (response.status !== 401 || !upstream.delegated) return fields;
  const challenge =
    protocol.challenge?.(next.resource, next.context, 'insufficient_scope') ??
    response.headers['www-authenticate'];
  return withFields(fields, challenge === undefined ? undefined : { 'www-authenticate': challenge });
}

/** What the protocol has clients told of all answers on the way. */
function readFields(
  { response: { headers }, url, passed }: ExchangeResult,
  { protocol, resource, context }: ProxyRoute,
): Readonly<Record<string, string>> | undefined {
  if (!protocol.fields) return undefined;
  const answers = [...passed, { url, headers }].map(({ url, headers }) => ({
    url,
    headers: selectResponseFields(headers),
  }));
  return Object.assign({}, ...answers.map((answer) => protocol.fields?.(resource, answer, context)));
}

function askForCredential(
  { protocol, resource, context }: ProxyRoute,
  error: 'invalid_token',
): GatewayResponse {
  const challenge = protocol.challenge?.(resource, context, error);
  return toRefusal(protocol, 401, challenge === undefined ? {} : { 'www-authenticate': challenge });
}

/** Tells whether clients download from an address; some would show a name and a password in it to its host. */
export function isDownloadable({ protocol, username, password }: URL): boolean {
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
}

/**
 * What another upstream may do better; a refusal (401, 403) is an answer, and so is an absence (404), unless the rule says
 * otherwise or it is content that any of them may have.
 */
export function isForAnother(status: number, next: Route & Pick<ProxyRoute, 'rule'>): boolean {
  return status === 429 || status >= 500 || isAbsent(status, next);
}

function isAbsent(status: number, next: Route & Pick<ProxyRoute, 'rule'>): boolean {
  if (status !== 404 && status !== 410) return false;
  return next.rule.seeksMissing || tieOf(next)?.type === 'content';
}
