import type { RuleSet } from '../core/compile.ts';
import type { CompiledUpstream } from '../core/compiled-rule.ts';
import type { ClientCredential } from '../core/credential.ts';
import { findDelegated, type Route, route } from '../core/decide.ts';
import type { CarryDecision } from '../core/decision.ts';
import type { Admission, Protocol, Resource, Tools } from '../core/protocol.ts';
import { admit, type Exchange } from './exchange.ts';
import { single } from './fields.ts';
import type { GatewayRequest, Outcome } from './gateway-request.ts';
import { isProxyRoute, type ProxyTools, toAdmissionRequest } from './proxy.ts';
import { toRefusal, toUpstreamError } from './refusal.ts';
import { toResponse } from './response.ts';
import { readText } from './streams.ts';

/** A route whose answer its protocol makes. */
export type CarryRoute = {
  readonly [Key in 'protocol' | 'resource' | 'context']: NonNullable<Route[Key]>;
} & {
  readonly decision: CarryDecision;
};

/** The most upstreams that are asked whether they know a client who does not say for what. */
const MOST_UPSTREAMS = 8;

const NEVER = new AbortController().signal;

/** Lets a protocol make the answer. */
export async function carry(
  tools: ProxyTools,
  ruleSet: RuleSet,
  request: GatewayRequest,
  { decision, protocol, resource, context }: CarryRoute,
): Promise<Outcome> {
  try {
    const answer = await protocol.carry?.(resource, context, createTools(tools, ruleSet, request, protocol));
    return { decision, response: answer ? toResponse(answer) : toRefusal(protocol, 502) };
  } catch (error) {
    if (request.signal?.aborted) return { decision, response: undefined };
    const failure = toUpstreamError(error, protocol.name);
    tools.onUpstreamError(failure, decision);
    return { decision, response: toRefusal(protocol, failure.status) };
  }
}

function createTools(
  tools: ProxyTools,
  ruleSet: RuleSet,
  { descriptor, body }: GatewayRequest,
  protocol: Protocol,
): Tools {
  const { clients } = tools;

  /** Where a request for a resource would lead that shows a credential. */
  async function admitAt(resource: Resource, credential: ClientCredential | undefined): Promise<Admission> {
    const [path = '', query] = protocol.format(resource).split('?', 2);
    const headers = { authorization: 'shown' };
    const found = route(ruleSet, { ...descriptor, method: 'HEAD', path, query, headers });
    if (!isProxyRoute(found) || !found.upstream.delegated) return { type: 'open' };
    return admit(tools, toAdmissionRequest(found, credential));
  }

  /** An upstream that takes the credential, of all that want one; one that is out of order hides no other. */
  async function admitAnywhere(
    resource: Resource,
    credential: ClientCredential | undefined,
  ): Promise<Admission> {
    const upstreams = findDelegated(ruleSet, descriptor, protocol).slice(0, MOST_UPSTREAMS);
    let failure: unknown;
    for (const upstream of upstreams) {
      try {
        const admission = await admit(tools, toExchange(upstream, protocol, resource, credential));
        if (admission.type !== 'refused') return admission;
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return { type: upstreams.length > 0 ? 'refused' : 'open' };
  }

  return {
    readCredential: () => clients.read(single(descriptor.headers?.authorization), descriptor.host),
    readBody: (most) => (body ? readText(body, most).catch(() => undefined) : Promise.resolve('')),
    admit: (resource, credential) =>
      protocol.subject(resource) === undefined
        ? admitAnywhere(resource, credential)
        : admitAt(resource, credential),
    issue: (credential, lifetime) => clients.issue(credential, descriptor.host, lifetime),
  };
}

function toExchange(
  upstream: CompiledUpstream,
  protocol: Protocol,
  resource: Resource,
  credential: ClientCredential | undefined,
): Exchange {
  return {
    method: 'GET',
    target: upstream.origin + protocol.format(resource),
    headers: { 'user-agent': 'turnout' },
    body: undefined,
    signal: NEVER,
    upstream,
    protocol,
    place: '',
    credential,
    relays: () => false,
  };
}
