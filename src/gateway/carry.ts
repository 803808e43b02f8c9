import type { RuleSet } from '../core/compile.ts';
import type { ClientCredential } from '../core/credential.ts';
import { findDelegated, locateBeside, type Route, route } from '../core/decide.ts';
import type { CarryDecision, Decision, ProxyDecision } from '../core/decision.ts';
import type {
  Admission,
  ByteStream,
  CarriedAnswer,
  Lead,
  Protocol,
  Resource,
  Tools,
  UpstreamDocument,
} from '../core/protocol.ts';
import { readDocument } from '../core/read-document.ts';
import type { RequestDescriptor } from '../core/request.ts';
import { answerConditionally } from './conditional.ts';
import { admit, type Exchange } from './exchange.ts';
import { selectRequestFields, selectResponseFields, single } from './fields.ts';
import type { GatewayRequest, Outcome } from './gateway-request.ts';
import { markForwarded } from './loop.ts';
import { listNeighbours } from './neighbours.ts';
import {
  fetchWith,
  findProof,
  isDownloadable,
  isForAnother,
  isProxyRoute,
  listAttempts,
  type ProxyRoute,
  type ProxyTools,
  tryUpstream,
} from './proxy.ts';
import { toRefusal, toUpstreamError } from './refusal.ts';
import { type GatewayResponse, toRedirect, toResponse, withFields } from './response.ts';
import { decode } from './rewrite.ts';
import { UpstreamError } from './transport.ts';

/** A route whose answer its protocol makes. */
export type CarryRoute = Route & {
  readonly [Key in 'protocol' | 'resource' | 'context' | 'rule']: NonNullable<Route[Key]>;
} & { readonly decision: CarryDecision };

/** Tells whether a protocol makes the answer of a route. */
export function isCarryRoute(found: Route): found is CarryRoute {
  return found.decision.type === 'carry';
}

/** Lets a protocol make the answer; by the next upstream of the rule when one is out of order. */
export async function carry(
  tools: ProxyTools,
  ruleSet: RuleSet,
  request: GatewayRequest,
  first: CarryRoute,
): Promise<Outcome> {
  // Half of a merged index would be another one.
  const order = first.rule.merge ? [] : listAttempts(tools, request, first);
  for (const [attempt, number] of (order.length === 0 ? [undefined] : order).entries()) {
    const next =
      number === undefined ? first : route(ruleSet, request.descriptor, tools.health.now(), number);
    if (!isCarryRoute(next)) break;
    const last = attempt + 1 >= order.length;
    const outcome = await tryCarry(tools, ruleSet, request, next, last);
    if (outcome?.response && outcome.response.status < 400 && number !== undefined)
      tools.ties.note(next, request.descriptor, number);
    if (outcome) return outcome;
  }
  return { decision: first.decision, response: toRefusal(first.protocol, 502) };
}

/** What came of one upstream; `undefined` when another should be asked. */
async function tryCarry(
  tools: ProxyTools,
  ruleSet: RuleSet,
  request: GatewayRequest,
  next: CarryRoute,
  last: boolean,
): Promise<Outcome | undefined> {
  const { decision, protocol, resource, context } = next;
  try {
    const made = await protocol.carry?.(resource, context, createTools(tools, ruleSet, request, next));
    if (!made) return { decision, response: toRefusal(protocol, 502) };
    if (!('url' in made)) {
      const absent = !last && isForAnother(made.status, next);
      if (absent) return undefined;
      return { decision, response: answerConditionally(toOwn(made, next), request.descriptor) };
    }
    const source = made.from ? route(ruleSet, request.descriptor, undefined, made.from) : next;
    return await follow(tools, request, isCarryRoute(source) ? source : next, made, last);
  } catch (error) {
    if (request.signal?.aborted) return { decision, response: undefined };
    const failure = toUpstreamError(error, next.upstream?.origin ?? protocol.name);
    tools.onUpstreamError(failure, decision);
    return last ? { decision, response: toRefusal(protocol, failure.status) } : undefined;
  }
}

function toOwn(answer: CarriedAnswer, { rule }: CarryRoute): GatewayResponse {
  return withFields(toResponse(answer), rule.notice);
}

/**
 * Sends the client to an address that an upstream's document has, or fetches it where the client could not; `undefined`
 * when another upstream should be asked.
 */
async function follow(
  tools: ProxyTools,
  request: GatewayRequest,
  next: CarryRoute,
  { url, status, delivery, asks, headers }: Lead,
  last: boolean,
): Promise<Outcome | undefined> {
  const { rule, upstream } = next;
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (!upstream || !address || !isDownloadable(address))
    throw new UpstreamError(`${upstream?.origin}: its document leads to no address.`, 502);
  const { type: _, ...provenance } = next.decision;
  const downgrade = request.descriptor.scheme === 'https' && address.protocol === 'http:' && !rule.downgrade;
  const locked = rule.mode === 'auto' && upstream.authenticated && address.origin === upstream.origin;
  if (rule.mode !== 'proxy' && !downgrade && !locked && !delivery) {
    const decision: Decision = {
      type: 'redirect',
      status: rule.status ?? status,
      location: address.href,
      headers: headers ? { ...headers, ...rule.notice } : rule.notice,
      ...provenance,
    };
    return { decision, response: toRedirect(decision) };
  }
  const decision: ProxyDecision = {
    type: 'proxy',
    target: address.href,
    delivery: delivery ?? (rule.mode === 'auto' ? 'relay' : 'stream'),
    headers: rule.notice,
    ...provenance,
  };
  const found = { ...next, upstream, place: next.place ?? '', decision } as ProxyRoute;
  const response = await tryUpstream(tools, asking(request, asks), found, last);
  if (response === 'failed' || response === 'absent') return undefined;
  if (!response) return { decision, response };
  // What is said of a file is not true of an error.
  return { decision, response: response.status < 400 ? withFields(response, headers) : response };
}

/** A request with other header fields. */
function asking(request: GatewayRequest, fields: Lead['asks']): GatewayRequest {
  if (!fields) return request;
  const { descriptor, body, signal } = request;
  return { descriptor: { ...descriptor, headers: { ...descriptor.headers, ...fields } }, body, signal };
}

function createTools(tools: ProxyTools, ruleSet: RuleSet, request: GatewayRequest, next: CarryRoute): Tools {
  const { clients, memory } = tools;
  const { descriptor, body } = request;
  const { protocol, rule, upstream, decision } = next;
  // What is kept ends with the address that it came from, also when only its path is another.
  const base = protocol.rename ? next.place : upstream?.place(decision.params ?? {}, '');
  const keyOf = (key: string) => JSON.stringify([protocol.name, rule.name, upstream?.origin, base, key]);
  return {
    fetch: (resource, headers, until) =>
      fetchDocument(tools, request, next, locateBeside(next, resource), headers, until),
    fetchAt: (url, headers, until) => fetchDocument(tools, request, next, url, headers, until),
    locate: (resource) => locateBeside(next, resource) ?? '',
    keep: (key, seconds, make) => (upstream?.delegated ? make() : memory.keep(keyOf(key), seconds, make)),
    get neighbours() {
      return listNeighbours(ruleSet, descriptor);
    },
    field(name) {
      const value = descriptor.headers?.[name];
      return typeof value === 'string' || value === undefined ? value : value.join(', ');
    },
    report: (report) => tools.onReport(report, decision),
    get others() {
      return listOthers(tools, ruleSet, request, next);
    },
    forget: (key) => memory.forget(keyOf(key)),
    readCredential: () => clients.read(single(descriptor.headers?.authorization), descriptor.host),
    readBody: (most) => (body ? readDocument(body, most).catch(() => undefined) : Promise.resolve('')),
    admit: (resource, credential) =>
      protocol.subject(resource) === undefined
        ? admitAnywhere(tools, ruleSet, request, protocol, resource, credential)
        : admitAt(tools, ruleSet, request, protocol, resource, credential),
    issue: (credential, lifetime) => clients.issue(credential, descriptor.host, lifetime),
  };
}

function listOthers(
  tools: ProxyTools,
  ruleSet: RuleSet,
  request: GatewayRequest,
  { rule }: CarryRoute,
): readonly Tools[] {
  if (!rule.merge) return [];
  return rule.upstreams.slice(1).flatMap((_, index) => {
    const other = route(ruleSet, request.descriptor, undefined, index + 1);
    return isCarryRoute(other) ? [createTools(tools, ruleSet, request, other)] : [];
  });
}

/** Fetches another document for the same rule and upstream. */
async function fetchDocument(
  tools: ProxyTools,
  { descriptor }: GatewayRequest,
  next: CarryRoute,
  target: string | undefined,
  headers: Readonly<Record<string, string>> = {},
  until: (url: string) => boolean = () => false,
): Promise<UpstreamDocument> {
  const { protocol, upstream, place = '' } = next;
  if (!upstream || target === undefined) throw new UpstreamError('The rule has no upstream.', 502);
  if (!URL.canParse(target) || !isDownloadable(new URL(target)))
    throw new UpstreamError(`${upstream.origin}: its document leads to no address.`, 502);
  const proof = await findProof(tools, descriptor, { upstream, protocol });
  const { response, url, relayed } = await fetchWith(tools, {
    method: 'GET',
    target,
    headers: markForwarded({ ...PLAIN, ...headers, ...trailOf(descriptor) }),
    body: undefined,
    // Others may wait for the same document when this client has gone.
    signal: new AbortController().signal,
    upstream,
    protocol,
    place,
    credential: undefined,
    ...(proof !== 'invalid' && proof),
    relays: ({ href }) => until(href),
  });
  const { status } = response;
  if (relayed) {
    response.discard();
    return { status, url: relayed.href, headers: selectResponseFields(response.headers), body: nothing() };
  }
  if (status === 429 || status >= 500) {
    response.discard();
    throw new UpstreamError(`${upstream.origin} answers ${status}.`, status === 429 ? 429 : 502);
  }
  const encoding = response.headers['content-encoding'];
  return {
    status,
    url,
    headers: selectResponseFields(response.headers),
    body: decode(response.body, encoding),
  };
}

async function* nothing(): ByteStream {}

const PLAIN = { 'user-agent': 'turnout', 'accept-encoding': 'gzip' };

/** What tells a request that goes round in a circle. */
function trailOf({ headers = {} }: RequestDescriptor): Readonly<Record<string, string>> {
  const { via, 'cdn-loop': loop } = selectRequestFields(headers);
  return { ...(via && { via }), ...(loop && { 'cdn-loop': loop }) };
}

/** Whether an upstream takes the credential of a client, for what a request for a resource would lead to. */
async function admitAt(
  tools: ProxyTools,
  ruleSet: RuleSet,
  request: GatewayRequest,
  protocol: Protocol,
  resource: Resource,
  credential: ClientCredential | undefined,
): Promise<Admission> {
  const [path = '', query] = protocol.format(resource).split('?', 2);
  const headers = { authorization: 'shown' };
  const question = { ...request.descriptor, method: 'HEAD', path, query, headers };
  const found = route(ruleSet, question, tools.health.now());
  if (!isProxyRoute(found) || !found.upstream.delegated) return { type: 'open' };
  const { decision, upstream, place } = found;
  const asked = { method: 'HEAD', target: decision.target, upstream, protocol, place, credential };
  return admit(tools, toExchange(asked, request));
}

/**
 * Asks the one upstream that wants credentials on this host. Of several nobody knows which is meant, and asking around
 * would show a credential to hosts that it is not for.
 */
async function admitAnywhere(
  tools: ProxyTools,
  ruleSet: RuleSet,
  request: GatewayRequest,
  protocol: Protocol,
  resource: Resource,
  credential: ClientCredential | undefined,
): Promise<Admission> {
  const [upstream, ...others] = findDelegated(ruleSet, request.descriptor, protocol);
  if (!upstream || others.some(({ origin }) => origin !== upstream.origin)) return { type: 'open' };
  const target = upstream.origin + protocol.format(resource);
  const question = { method: 'GET', target, upstream, protocol, place: '', credential };
  return admit(tools, toExchange(question, request));
}

function toExchange(
  question: Pick<Exchange, 'method' | 'target' | 'upstream' | 'protocol' | 'place' | 'credential'>,
  { signal = new AbortController().signal }: GatewayRequest,
): Exchange {
  const headers = { 'user-agent': 'turnout' };
  return { ...question, headers, body: undefined, signal, relays: () => false };
}
