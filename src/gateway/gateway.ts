import type { RuleSet } from '../core/compile.ts';
import { type Route, refuseUnmatched, route } from '../core/decide.ts';
import type { Decision, ProxyDecision } from '../core/decision.ts';
import type { ByteStream } from '../core/protocol.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { RuleSource } from '../core/rule-source.ts';
import { type Exchange, exchange } from './exchange.ts';
import { selectRequestFields, single } from './fields.ts';
import { callHook } from './hook.ts';
import { isLoop, markForwarded } from './loop.ts';
import { type GatewayResponse, toClientResponse, toRedirect, toResponse } from './response.ts';
import { prepareRewrite } from './rewrite.ts';
import { createTokenBroker } from './token-broker.ts';
import { type Transport, UpstreamError } from './transport.ts';

/** A request to carry out. */
export interface GatewayRequest {
  /** The request as plain data. */
  readonly descriptor: RequestDescriptor;
  /** The body, when there is one. */
  readonly body?: ByteStream | undefined;
  /** Ends what is under way for this client. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of a request. */
export interface Outcome {
  /** The decision. */
  readonly decision: Decision;
  /** The answer; `undefined` when the request is none of ours, or its client has gone. */
  readonly response: GatewayResponse | undefined;
}

/** How a gateway works. */
export interface GatewayOptions {
  /** Sends the gateway's own requests. */
  readonly transport: Transport;
  /** Told of every upstream that failed a request, also when another one served it. What it throws is ignored. */
  readonly onUpstreamError?: ((error: UpstreamError, decision: ProxyDecision) => void) | undefined;
}

/** Carries decisions out. */
export interface Gateway {
  /** Decides and answers; at once when no upstream is needed. Whatever an upstream does, it never rejects. */
  handle(request: GatewayRequest): Outcome | Promise<Outcome>;
  /** The answer for a request that is none of ours where nobody else takes it, in the form that its client prints. */
  refuse(descriptor: RequestDescriptor): GatewayResponse;
}

/** A route that leads to an upstream. */
type ProxyRoute = { readonly [Key in keyof Route]-?: NonNullable<Route[Key]> } & {
  readonly decision: ProxyDecision;
};

const NEVER = new AbortController().signal;
const RETRY_AFTER = { 'retry-after': '10' };

/** Makes a gateway for rules, or for a source whose rules may change while it runs. */
export function createGateway(
  rules: RuleSet | RuleSource,
  { transport, onUpstreamError }: GatewayOptions,
): Gateway {
  const tools = { transport, broker: createTokenBroker() };
  const rulesNow = () => ('current' in rules ? rules.current : rules);

  /** Tries the upstreams of the rule in turn; the first that is in order answers, or else the last. */
  async function proxy(ruleSet: RuleSet, request: GatewayRequest, first: ProxyRoute): Promise<Outcome> {
    const attempts = request.body ? 1 : first.rule.upstreams.length;
    for (let attempt = 0; ; attempt++) {
      const next = attempt === 0 ? first : route(ruleSet, request.descriptor, attempt);
      if (!isProxyRoute(next)) return answerAtOnce(next.decision);
      const last = attempt + 1 >= attempts;
      const response = await tryUpstream(request, next, last);
      if (response || request.signal?.aborted) return { decision: next.decision, response };
    }
  }

  /** The answer of one upstream; `undefined` when another should be asked, or nobody waits for one any more. */
  async function tryUpstream(
    request: GatewayRequest,
    next: ProxyRoute,
    last: boolean,
  ): Promise<GatewayResponse | undefined> {
    const { descriptor } = request;
    const fields = markForwarded(selectRequestFields(descriptor.headers));
    const rewrite =
      next.decision.delivery === 'rewrite'
        ? prepareRewrite(fields, next.protocol, next.resource, next.context)
        : undefined;
    try {
      const result = await exchange(tools, toExchange(request, next, rewrite?.headers ?? fields));
      if (last || !isOutOfOrder(result.response.status))
        return toClientResponse(result, descriptor.method, rewrite);
      result.response.discard();
      throw new UpstreamError(`${next.upstream.origin} answers ${result.response.status}.`, 502);
    } catch (error) {
      if (request.signal?.aborted) return undefined;
      const failure = toUpstreamError(error, next.upstream.origin);
      callHook(() => onUpstreamError?.(failure, next.decision));
      return last ? refuse(next, failure.status) : undefined;
    }
  }

  return {
    handle(request) {
      const ruleSet = rulesNow();
      const first = route(ruleSet, request.descriptor);
      if (!isProxyRoute(first)) return answerAtOnce(first.decision);
      if (!isLoop(single(request.descriptor.headers?.['cdn-loop']))) return proxy(ruleSet, request, first);
      return { decision: first.decision, response: refuse(first, 508) };
    },
    refuse: (descriptor) => toResponse(refuseUnmatched(rulesNow(), descriptor)),
  };
}

function isProxyRoute(route: Route): route is ProxyRoute {
  return route.decision.type === 'proxy';
}

function answerAtOnce(decision: Decision): Outcome {
  if (decision.type === 'redirect') return { decision, response: toRedirect(decision) };
  return { decision, response: decision.type === 'respond' ? toResponse(decision) : undefined };
}

function toExchange(
  { descriptor, body, signal = NEVER }: GatewayRequest,
  next: ProxyRoute,
  headers: Record<string, string> | Readonly<Record<string, string>>,
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
    relays(location) {
      // A HEAD is resolved here: an address that is signed for GET refuses it.
      if (decision.delivery !== 'relay' || descriptor.method === 'HEAD') return false;
      if (!isDownloadable(location)) return false;
      if (descriptor.scheme === 'https' && location.protocol === 'http:' && !rule.downgrade) return false;
      // What is of the same protocol again wants an authorization that only we have.
      return !(protocol.exclusive && protocol.parse({ method: 'GET', path: location.pathname }));
    },
  };
}

/** Tells whether clients download from an address; some would show a name and a password in it to its host. */
function isDownloadable({ protocol, username, password }: URL): boolean {
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
}

const REASONS: Readonly<Record<number, string>> = {
  502: 'The upstream gives no usable answer.',
  504: 'The upstream does not answer in time.',
  508: 'This request goes round in a circle.',
};

function refuse({ protocol }: ProxyRoute, status: number): GatewayResponse {
  const headers = status === 508 ? {} : RETRY_AFTER;
  return toResponse(protocol.refuse({ status, message: REASONS[status] ?? 'The request failed.', headers }));
}

/** What no transport throws is a fault of a protocol, or ours: as bad for the client as one of the upstream. */
function toUpstreamError(error: unknown, origin: string): UpstreamError {
  if (error instanceof UpstreamError) return error;
  return new UpstreamError(`${origin}: ${String(error)}`, 502, { cause: error });
}

/** What another upstream may do better; a refusal (401, 403) or an absence (404) is an answer. */
function isOutOfOrder(status: number): boolean {
  return status === 429 || status >= 500;
}
