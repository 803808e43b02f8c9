import type { RuleSet } from '../core/compile.ts';
import { type Route, refuseUnmatched, route } from '../core/decide.ts';
import type { CarryDecision, Decision, ProxyDecision, RedirectDecision } from '../core/decision.ts';
import type { ClientReport } from '../core/protocol.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { RuleSource } from '../core/rule-source.ts';
import { carry, isCarryRoute } from './carry.ts';
import { createClientCredentials } from './client-credentials.ts';
import { createCredentialKeeper } from './credential-keeper.ts';
import { createExistences, type Existences, type RedirectRoute } from './existence.ts';
import { single } from './fields.ts';
import type { GatewayRequest, Outcome } from './gateway-request.ts';
import { createGuard, type GuardTrip } from './guard.ts';
import { createHealth } from './health.ts';
import { callHook } from './hook.ts';
import { isLoop } from './loop.ts';
import { createMemory } from './memory.ts';
import { isProxyRoute, type ProxyTools, proxy } from './proxy.ts';
import type { RateLimit } from './rate-limit.ts';
import { toRefusal } from './refusal.ts';
import { type GatewayResponse, toRedirect, toResponse } from './response.ts';
import { createTies, tieOf } from './ties.ts';
import { createTokenBroker } from './token-broker.ts';
import { createTokenSeal } from './token-seal.ts';
import type { Transport, UpstreamError } from './transport.ts';

/** What an application is told of the gateway's own requests. What a hook throws is ignored. */
export interface GatewayHooks {
  /** Told of every upstream that failed a request, also when another one served it. */
  readonly onUpstreamError?:
    | ((error: UpstreamError, decision: ProxyDecision | CarryDecision | RedirectDecision) => void)
    | undefined;
  /**
   * Told once of every credential that could not be fetched or renewed, also while the one before still serves.
   * Requests that fail of it are told to `onUpstreamError` besides.
   */
  readonly onCredentialError?: ((error: UpstreamError) => void) | undefined;
  /** Told when an upstream falls out of order, and when it is in order again; it is asked after the others meanwhile. */
  readonly onUpstreamChange?: ((origin: string, inOrder: boolean) => void) | undefined;
  /** Told when an upstream loses its share of the clients, because it fares worse with it than the others. */
  readonly onGuardTrip?: ((trip: GuardTrip) => void) | undefined;
  /** Told what clients report: telemetry, pixels, installs. */
  readonly onReport?: ((report: ClientReport, decision: CarryDecision) => void) | undefined;
  /** Told what an upstream says it lets this gateway have, as Docker Hub does with each manifest. */
  readonly onRateLimit?: ((limit: RateLimit, decision: ProxyDecision) => void) | undefined;
}

/** How a gateway works. */
export interface GatewayOptions extends GatewayHooks {
  /** Sends the gateway's own requests. */
  readonly transport: Transport;
  /**
   * The secret with which tokens for the clients of `auth: client` are sealed: at least 32 characters, the same for all
   * instances that serve a host. Default one of the instance's own, which ends with it.
   */
  readonly tokenKey?: string | undefined;
  /** How long an upstream may take to begin its answer when another one can be asked, in milliseconds. Default 5,000. */
  readonly patience?: number | undefined;
}

/** Carries decisions out. */
export interface Gateway {
  /** Decides and answers; at once when no upstream is needed. Whatever an upstream does, it never rejects. */
  handle(request: GatewayRequest): Outcome | Promise<Outcome>;
  /** The answer for a request that is none of ours where nobody else takes it, in the form that its client prints. */
  refuse(descriptor: RequestDescriptor): GatewayResponse;
}

/** So many characters of a random text are more than anybody can try. */
const LEAST_KEY = 32;

/** Package managers give up after 15 seconds or more. */
const PATIENCE = 5000;

/**
 * Makes a gateway for rules, or for a source whose rules may change while it runs.
 *
 * @throws TypeError The `tokenKey` is too short.
 */
export function createGateway(
  rules: RuleSet | RuleSource,
  {
    transport,
    tokenKey,
    onUpstreamError,
    onCredentialError,
    onRateLimit,
    onReport,
    onUpstreamChange,
    onGuardTrip,
    patience = PATIENCE,
  }: GatewayOptions,
): Gateway {
  if (tokenKey !== undefined && tokenKey.length < LEAST_KEY)
    throw new TypeError(`tokenKey: write at least ${LEAST_KEY} random characters.`);
  const guard = createGuard(onGuardTrip);
  const tools: ProxyTools = {
    transport,
    broker: createTokenBroker(),
    keeper: createCredentialKeeper({ onError: onCredentialError }),
    memory: createMemory(),
    ties: createTies(),
    guard,
    health: createHealth({ transport, onChange: onUpstreamChange, guard }),
    patience,
    clients: createClientCredentials(createTokenSeal(tokenKey)),
    onUpstreamError: (error, decision) => callHook(() => onUpstreamError?.(error, decision)),
    onReport: (report, decision) => callHook(() => onReport?.(report, decision)),
    onRateLimit: (limit, decision) => callHook(() => onRateLimit?.(limit, decision)),
  };
  const existences = createExistences(tools, tools.onUpstreamError);
  const rulesNow = () => ('current' in rules ? rules.current : rules);

  return {
    handle(request) {
      const ruleSet = rulesNow();
      const first = routeTied(tools, ruleSet, request);
      noteFollowUp(tools, request, first);
      if (isCheckedRoute(first)) return follow(existences, ruleSet, request, first);
      return carryOut(tools, ruleSet, request, first);
    },
    refuse: (descriptor) => toResponse(refuseUnmatched(rulesNow(), descriptor)),
  };

  /** Sends the client to the first upstream that has what it asks for. */
  async function follow(
    { find }: Existences,
    ruleSet: RuleSet,
    request: GatewayRequest,
    first: RedirectRoute,
  ): Promise<Outcome> {
    for (const number of first.order) {
      const next = route(ruleSet, request.descriptor, tools.health.now(), number);
      if (!isCheckedRoute(next)) return carryOut(tools, ruleSet, request, next);
      const existence = await find(next);
      if (existence === 'there') tools.ties.note(next, request.descriptor, number);
      const seeks = next.rule.seeksMissing || tieOf(next)?.type === 'content';
      if (existence === 'there' || (existence === 'missing' && !seeks)) return answerAtOnce(next.decision);
    }
    tools.ties.note(first, request.descriptor, first.order[0] ?? 0);
    return answerAtOnce(first.decision);
  }
}

/** Decides; what belongs to an index goes where the index came from. */
function routeTied(tools: ProxyTools, ruleSet: RuleSet, { descriptor }: GatewayRequest): Route {
  const { ties, health } = tools;
  const first = route(ruleSet, descriptor, health.now());
  const { order = [] } = first;
  if (order.length < 2 || first.decision.type !== 'redirect') return first;
  const only = ties.find(first, descriptor);
  if (only !== undefined) {
    const next = only === order[0] ? first : route(ruleSet, descriptor, health.now(), only);
    return { ...next, order: [only] };
  }
  // Where a redirect that is checked leads is not known yet.
  if (!isCheckedRoute(first)) ties.note(first, descriptor, order[0] ?? 0);
  return first;
}

function isCheckedRoute(found: Route): found is RedirectRoute {
  const { decision, rule, upstream, order = [] } = found;
  if (decision.type !== 'redirect' || !upstream || !rule?.checks || order.length < 2) return false;
  // An address of a rule's options is none of its upstreams', and none of their credentials is for it.
  return decision.location.startsWith(`${upstream.origin}/`);
}

/** Answers at once, or with the help of upstreams. */
function carryOut(
  tools: ProxyTools,
  ruleSet: RuleSet,
  request: GatewayRequest,
  first: Route,
): Outcome | Promise<Outcome> {
  const carried = isCarryRoute(first);
  if (!carried && !isProxyRoute(first)) {
    noteRedirect(tools, request, first);
    return answerAtOnce(first.decision);
  }
  if (isLoop(single(request.descriptor.headers?.['cdn-loop'])))
    return { decision: first.decision, response: toRefusal(first.protocol, 508) };
  if (carried) return carry(tools, ruleSet, request, first);
  return proxy(tools, ruleSet, request, first).then((result) =>
    'response' in result ? result : answerAtOnce(result.decision),
  );
}

function noteFollowUp(
  { guard }: ProxyTools,
  { descriptor }: GatewayRequest,
  { rule, protocol, resource }: Route,
): void {
  if (!rule || rule.plain || !protocol?.opens || !resource) return;
  guard.noteFollowUp(rule, protocol.subject(resource) ?? '', descriptor.ip ?? '');
}

/** What the guard can tell of a redirect: from what the client asks for next. */
function noteRedirect(
  { guard }: ProxyTools,
  { descriptor }: GatewayRequest,
  { decision, rule, upstream, protocol, resource }: Route,
): void {
  if (decision.type !== 'redirect' || !rule || !upstream || rule.plain || !resource) return;
  const { ip = '' } = descriptor;
  guard.noteRedirect(rule, upstream, decision.location, ip);
  if (protocol?.opens?.(resource)) guard.noteOpening(rule, upstream, protocol.subject(resource) ?? '', ip);
}

function answerAtOnce(decision: Decision): Outcome {
  if (decision.type === 'redirect') return { decision, response: toRedirect(decision) };
  return { decision, response: decision.type === 'respond' ? toResponse(decision) : undefined };
}
