import type { RuleSet } from '../core/compile.ts';
import { refuseUnmatched, route } from '../core/decide.ts';
import type { CarryDecision, Decision, ProxyDecision } from '../core/decision.ts';
import type { ClientReport } from '../core/protocol.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { RuleSource } from '../core/rule-source.ts';
import { carry, isCarryRoute } from './carry.ts';
import { createClientCredentials } from './client-credentials.ts';
import { createCredentialKeeper } from './credential-keeper.ts';
import { single } from './fields.ts';
import type { GatewayRequest, Outcome } from './gateway-request.ts';
import { callHook } from './hook.ts';
import { isLoop } from './loop.ts';
import { createMemory } from './memory.ts';
import { isProxyRoute, type ProxyTools, proxy } from './proxy.ts';
import type { RateLimit } from './rate-limit.ts';
import { toRefusal } from './refusal.ts';
import { type GatewayResponse, toRedirect, toResponse } from './response.ts';
import { createTies } from './ties.ts';
import { createTokenBroker } from './token-broker.ts';
import { createTokenSeal } from './token-seal.ts';
import type { Transport, UpstreamError } from './transport.ts';

/** What an application is told of the gateway's own requests. What a hook throws is ignored. */
export interface GatewayHooks {
  /** Told of every upstream that failed a request, also when another one served it. */
  readonly onUpstreamError?:
    | ((error: UpstreamError, decision: ProxyDecision | CarryDecision) => void)
    | undefined;
  /**
   * Told once of every credential that could not be fetched or renewed, also while the one before still serves.
   * Requests that fail of it are told to `onUpstreamError` besides.
   */
  readonly onCredentialError?: ((error: UpstreamError) => void) | undefined;
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

/**
 * Makes a gateway for rules, or for a source whose rules may change while it runs.
 *
 * @throws TypeError The `tokenKey` is too short.
 */
export function createGateway(
  rules: RuleSet | RuleSource,
  { transport, tokenKey, onUpstreamError, onCredentialError, onRateLimit, onReport }: GatewayOptions,
): Gateway {
  if (tokenKey !== undefined && tokenKey.length < LEAST_KEY)
    throw new TypeError(`tokenKey: write at least ${LEAST_KEY} random characters.`);
  const tools: ProxyTools = {
    transport,
    broker: createTokenBroker(),
    keeper: createCredentialKeeper({ onError: onCredentialError }),
    memory: createMemory(),
    ties: createTies(),
    clients: createClientCredentials(createTokenSeal(tokenKey)),
    onUpstreamError: (error, decision) => callHook(() => onUpstreamError?.(error, decision)),
    onReport: (report, decision) => callHook(() => onReport?.(report, decision)),
    onRateLimit: (limit, decision) => callHook(() => onRateLimit?.(limit, decision)),
  };
  const rulesNow = () => ('current' in rules ? rules.current : rules);

  return {
    handle(request) {
      const ruleSet = rulesNow();
      const first = route(ruleSet, request.descriptor);
      const carried = isCarryRoute(first);
      if (!carried && !isProxyRoute(first)) return answerAtOnce(first.decision);
      if (isLoop(single(request.descriptor.headers?.['cdn-loop'])))
        return { decision: first.decision, response: toRefusal(first.protocol, 508) };
      if (carried) return carry(tools, ruleSet, request, first);
      return proxy(tools, ruleSet, request, first).then((result) =>
        'response' in result ? result : answerAtOnce(result.decision),
      );
    },
    refuse: (descriptor) => toResponse(refuseUnmatched(rulesNow(), descriptor)),
  };
}

function answerAtOnce(decision: Decision): Outcome {
  if (decision.type === 'redirect') return { decision, response: toRedirect(decision) };
  return { decision, response: decision.type === 'respond' ? toResponse(decision) : undefined };
}
