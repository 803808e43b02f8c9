import { CALM, type Circumstances, orderUpstreams } from './choice.ts';
import type { RuleSet } from './compile.ts';
import type { CompiledRule, CompiledUpstream } from './compiled-rule.ts';
import type { Decision } from './decision.ts';
import { belowMount, findMatch, type Match, NO_PARAMS } from './find-match.ts';
import type { Answer, Protocol, Resource, RuleContext } from './protocol.ts';
import { findRequestProblem, type RequestDescriptor } from './request.ts';
import type { Params } from './target.ts';
import { NOWHERE, respond, TEXT, targetOf, toDecision } from './to-decision.ts';

/** A decision with what the gateway needs to carry it out. */
export interface Route {
  /** The decision. */
  readonly decision: Decision;
  /** The protocol that read the request. */
  readonly protocol?: Protocol;
  /** The rule that the request follows. */
  readonly rule?: CompiledRule;
  /** The numbers of the rule's upstreams that may answer, in the order in which they are to be asked. */
  readonly order?: readonly number[];
  /** The upstream that was chosen. */
  readonly upstream?: CompiledUpstream | undefined;
  /** What the request asks for, under its public name. */
  readonly resource?: Resource;
  /** The name that the upstream knows the resource by, which tells apart what a token is good for. */
  readonly place?: string;
  /** What the protocol was told. */
  readonly context?: RuleContext;
}

const PASS: Route = { decision: { type: 'pass' } };

/**
 * Decides what is done with a request.
 *
 * Synchronous, pure and total: no clock, no environment, no network, and it never throws. The origin of every
 * `location` and `target` is one that a rule names. Without `circumstances`, schedules have not begun and every upstream
 * is in order.
 */
export function decide(
  ruleSet: RuleSet,
  request: RequestDescriptor,
  circumstances?: Circumstances,
): Decision {
  return route(ruleSet, request, circumstances).decision;
}

/** Decides like `decide`, and says by which rule; with a `number`, for that upstream of the rule. */
export function route(
  ruleSet: RuleSet,
  request: RequestDescriptor,
  circumstances: Circumstances = CALM,
  number?: number,
): Route {
  const problem = findRequestProblem(request);
  if (problem)
    return {
      decision: respond({ status: problem.status, headers: TEXT, body: `${problem.message}\n` }, NOWHERE),
    };
  const found = findMatch(ruleSet, request);
  if (!found) return PASS;
  if ('rule' in found) return conclude(ruleSet, found, request, circumstances, number);
  const answer = found.refuse({ status: 404, message: 'No rule has this name.' });
  return { decision: respond(answer, { ...NOWHERE, protocol: found.name }), protocol: found };
}

/** Tells whether a rule would take a request if it were alone; the request has no problem of its own. */
export function takes(ruleSet: RuleSet, rule: CompiledRule, request: RequestDescriptor): boolean {
  const found = findMatch(ruleSet, request, rule);
  return found !== undefined && 'rule' in found;
}

/** Where the upstream of a route has another resource of the same rule; `undefined` for a route without one. */
export function locateBeside(found: Route, resource: Resource): string | undefined {
  const { decision, rule, upstream, protocol } = found;
  if (decision.type === 'pass' || !rule || !upstream || !protocol) return undefined;
  const params = withOthers(protocol, found.resource, resource, decision.params ?? NO_PARAMS);
  const subject = protocol.subject(resource);
  const place = subject === undefined || !protocol.rename ? '' : upstream.place(params, subject);
  return targetOf({ protocol, rule, resource, subject, params, at: '/' }, upstream, place);
}

/** The upstreams of a protocol's rules on a request's host that want the client's own credential. */
export function findDelegated(
  ruleSet: RuleSet,
  request: RequestDescriptor,
  protocol: Protocol,
): readonly CompiledUpstream[] {
  const found: CompiledUpstream[] = [];
  ruleSet.index.find(request.host, request.path, ({ groups }): undefined => {
    for (const group of groups) if (group.protocol.name === protocol.name) found.push(...group.delegated);
  });
  return found;
}

/**
 * The answer for a request that no rule takes, where no other handler follows: in the form of the protocol that would
 * read it, so that its client prints a reason.
 */
export function refuseUnmatched(ruleSet: RuleSet, request: RequestDescriptor): Answer {
  const refusal = { status: 404, message: 'No rule has this address.' };
  const answer = ruleSet.index.find(request.host, request.path, (mount) => {
    const group = mount.groups.find(
      ({ protocol }) => protocol.parse(belowMount(mount.at, request)) !== undefined,
    );
    return group?.protocol.refuse(refusal);
  });
  return answer ?? { status: 404, headers: TEXT, body: `${refusal.message}\n` };
}

/** The variables that were a protocol's own for one resource, as they are for another. */
function withOthers(
  { values }: Protocol,
  before: Resource | undefined,
  after: Resource,
  params: Params,
): Params {
  if (!values || !before) return params;
  const own = values(before);
  const kept = Object.entries(params).filter(([name, value]) => own[name] !== value);
  return { ...values(after), ...Object.fromEntries(kept) };
}

function conclude(
  ruleSet: RuleSet,
  match: Match,
  request: RequestDescriptor,
  circumstances: Circumstances,
  number: number | undefined,
): Route {
  const { protocol, rule, resource, subject, params } = match;
  const order = orderUpstreams(rule, request, (protocol.independent && subject) || '', circumstances);
  const upstream = rule.upstreams[number ?? order[0] ?? -1];
  const context: RuleContext = {
    rule: rule.name,
    mode: rule.mode,
    method: request.method,
    upstream,
    publicUrl:
      (request.origin ?? `${request.scheme}://${request.host}`) +
      (request.base ?? '') +
      match.at.slice(0, -1),
    delegated:
      subject === undefined
        ? findDelegated(ruleSet, request, protocol).length > 0
        : (upstream?.delegated ?? false),
    authorized: request.headers?.authorization !== undefined,
    merged: rule.merge,
    accept: joined(request.headers?.accept),
    origin: joined(request.headers?.origin),
    userAgent: joined(request.headers?.['user-agent']),
    options: rule.options,
  };
  const delivery = protocol.deliver(resource, context);
  const place = subject === undefined || !upstream || !protocol.rename ? '' : upstream.place(params, subject);
  return {
    decision: toDecision(match, request, context, upstream, place, delivery),
    protocol,
    rule,
    order,
    upstream,
    resource,
    place,
    context,
  };
}

/** RFC 9110 §5.3: a field that came several times is one list. */
function joined(field: string | readonly string[] | undefined): string | undefined {
  return typeof field === 'string' || field === undefined ? field : field.join(', ');
}
