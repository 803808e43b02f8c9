import { CALM, type Circumstances, orderUpstreams } from './choice.ts';
import type { RuleSet } from './compile.ts';
import type { CompiledRule, CompiledUpstream } from './compiled-rule.ts';
import type { Decision, RedirectStatus } from './decision.ts';
import { matchElements } from './matcher.ts';
import type { Answer, Delivery, Protocol, ProtocolRequest, Resource, RuleContext } from './protocol.ts';
import { findParameter, mergeQuery } from './query.ts';
import { findRequestProblem, hasDotSegment, type RequestDescriptor } from './request.ts';
import type { Group, Leaf, Mount } from './rule-index.ts';
import type { Params } from './target.ts';

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

/** A rule that a request matched. */
interface Match {
  readonly protocol: Protocol;
  readonly rule: CompiledRule;
  readonly resource: Resource;
  readonly subject: string | undefined;
  readonly params: Params;
  readonly at: string;
}

const PASS: Route = { decision: { type: 'pass' } };
const NO_PARAMS: Params = {};

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

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

/** Finds the rule that takes a request, or the protocol that claims it without a rule for it. */
function findMatch(
  ruleSet: RuleSet,
  request: RequestDescriptor,
  only?: CompiledRule,
): Match | Protocol | undefined {
  let claimed: Protocol | undefined;
  const found = ruleSet.index.find(request.host, request.path, (mount) => {
    const result = findInMount(mount, request, claimed, only);
    if (result === undefined || 'rule' in result) return result;
    claimed = result;
    return undefined;
  });
  return found ?? claimed;
}

function findInMount(
  mount: Mount,
  request: RequestDescriptor,
  claimed: Protocol | undefined,
  only: CompiledRule | undefined,
): Match | Protocol | undefined {
  const below = belowMount(mount.at, request);
  for (const group of mount.groups) {
    const { protocol } = group;
    if (claimed && claimed.name !== protocol.name) continue;
    for (let resource = protocol.parse(below); resource; resource = protocol.aside?.(resource)) {
      const found = findInGroup(group, resource, request, mount.at, only);
      if (found) return found;
      if (protocol.exclusive && protocol.subject(resource) !== undefined) return protocol;
    }
  }
  return undefined;
}

function findInGroup(
  { protocol, trie, expressions, everything, whole }: Group,
  resource: Resource,
  request: RequestDescriptor,
  at: string,
  only: CompiledRule | undefined,
): Match | undefined {
  const subject = protocol.subject(resource);
  if (subject === undefined) {
    if (only && only !== whole) return undefined;
    return { protocol, rule: whole, resource, subject, params: NO_PARAMS, at };
  }
  const accept = (leaf: Leaf, values: readonly (string | undefined)[]): Match | undefined => {
    const { rule } = leaf;
    if (only && only !== rule) return undefined;
    if (protocol.takes && !protocol.takes(resource, rule.options)) return undefined;
    const captured = readParams(leaf, values, request.query);
    const params = captured && withOwn(protocol, resource, captured);
    return params && { protocol, rule, resource, subject, params, at };
  };
  return (
    trie.find(subject, accept) ?? firstExpression(expressions, subject, accept) ?? first(everything, accept)
  );
}

function firstExpression(
  expressions: Group['expressions'],
  subject: string,
  accept: (leaf: Leaf, values: readonly (string | undefined)[]) => Match | undefined,
): Match | undefined {
  for (const { expression, leaf } of expressions) {
    const values = expression.exec(subject);
    const found = values && accept(leaf, values);
    if (found) return found;
  }
  return undefined;
}

/** The variables of a protocol's own stand behind those of `match`. */
function withOwn(protocol: Protocol, resource: Resource, params: Params): Params {
  return protocol.values ? { ...protocol.values(resource), ...params } : params;
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

function first(
  leaves: readonly Leaf[],
  accept: (leaf: Leaf, values: readonly string[]) => Match | undefined,
): Match | undefined {
  for (const leaf of leaves) {
    const found = accept(leaf, []);
    if (found) return found;
  }
  return undefined;
}

function belowMount(at: string, request: RequestDescriptor): ProtocolRequest {
  if (at === '/') return request;
  return { method: request.method, path: request.path.slice(at.length - 1), query: request.query };
}

/** The values of a leaf's variables; `undefined` when the query is not what the pattern asks for. */
function readParams(
  { names, query }: Leaf,
  values: readonly (string | undefined)[],
  text: string | undefined,
): Params | undefined {
  if (names.length === 0 && query.length === 0) return NO_PARAMS;
  const params: Record<string, string> = {};
  for (let index = 0; index < names.length; index++) {
    const value = values[index];
    if (value !== undefined && !put(params, names[index] as string, value)) return undefined;
  }
  for (const condition of query) {
    const value = findParameter(text ?? '', condition.key);
    if (value === undefined) {
      if (condition.optional) continue;
      return undefined;
    }
    const captured: string[] = [];
    if (!matchElements(condition.elements, 0, value, 0, value.length, captured)) return undefined;
    if (!condition.names.every((name, index) => put(params, name, captured[index] as string)))
      return undefined;
  }
  return params;
}

/** Sets a variable; one that stands twice must have one value. */
function put(params: Record<string, string>, name: string, value: string): boolean {
  if (Object.hasOwn(params, name)) return params[name] === value;
  params[name] = value;
  return true;
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

/** Written out field by field: decisions of one shape each keep the hot path fast. */
function toDecision(
  match: Match,
  request: RequestDescriptor,
  context: RuleContext,
  upstream: CompiledUpstream | undefined,
  place: string,
  delivery: Delivery,
): Decision {
  const { protocol, resource, params } = match;
  const origin: Origin = {
    rule: match.rule.name,
    protocol: protocol.name,
    resource,
    params,
    purl: protocol.purl?.(resource, context.publicUrl, params),
  };
  const { notice } = match.rule;
  if (delivery.type === 'respond') {
    if (match.subject === undefined) return respond(delivery.answer, { ...origin, rule: undefined });
    return respond(announce(delivery.answer, notice), origin);
  }
  if (delivery.type === 'carry')
    return { type: 'carry', ...origin, rule: match.subject === undefined ? undefined : origin.rule };
  if (delivery.type === 'redirect' && delivery.to !== undefined) {
    const { status, to } = delivery;
    const location = withQuery(to, match.rule.dropQuery ? undefined : request.query);
    const headers = withNotice(delivery.headers, notice);
    return { type: 'redirect', status: match.rule.status ?? status, location, headers, ...origin };
  }
  if (!upstream && match.rule.upstreams.length > 0)
    return respond(protocol.refuse({ status: 404, message: 'No upstream is for this request.' }), origin);
  if (!upstream) return respond({ status: 200, headers: TEXT, body: '' }, origin);
  const missing = upstream.needs.find((name) => !Object.hasOwn(params, name));
  if (missing !== undefined)
    return respond(
      protocol.refuse({ status: 404, message: `There is no ${missing} in this address.` }),
      origin,
    );
  const target = placeBelow(delivery, upstream, params) ?? targetOf(match, upstream, place, request.query);
  // The request has no dot segment, but a variable may stand beside a dot, or come from the query.
  if (params !== NO_PARAMS && hasDotSegment(pathOf(target, upstream.origin))) {
    return respond(
      protocol.refuse({ status: 400, message: 'The address that this request leads to has a dot segment.' }),
      origin,
    );
  }
  if (delivery.type === 'refer') return respond(announce(delivery.answer(target), notice), origin);
  const { rule, purl } = origin;
  const means = settle(delivery, match.rule, upstream, request);
  const headers = withNotice(delivery.headers, notice);
  if (means.type === 'proxy')
    return {
      type: 'proxy',
      target,
      delivery: means.delivery,
      headers,
      rule,
      protocol: protocol.name,
      resource,
      params,
      purl,
    };
  return {
    type: 'redirect',
    status: means.status,
    location: target,
    headers,
    rule,
    protocol: protocol.name,
    resource,
    params,
    purl,
  };
}

function withNotice(
  headers: Readonly<Record<string, string>> | undefined,
  notice: CompiledRule['notice'],
): Readonly<Record<string, string>> | undefined {
  return notice && headers ? { ...headers, ...notice } : (notice ?? headers);
}

/** An address with a query behind its own, before its fragment. */
function withQuery(address: string, query: string | undefined): string {
  if (query === undefined) return address;
  const [, path = '', own, fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(#.*)?$/.exec(address) ?? [];
  return `${path}?${mergeQuery(own ?? '', query)}${fragment}`;
}

/** The address that the rule's options give below the upstream's. */
function placeBelow(delivery: Delivery, upstream: CompiledUpstream, params: Params): string | undefined {
  if (delivery.type !== 'redirect' || delivery.place === undefined) return undefined;
  return upstream.origin + upstream.place(params, '') + delivery.place;
}

function announce(answer: Answer, notice: CompiledRule['notice']): Answer {
  return notice ? { ...answer, headers: { ...answer.headers, ...notice } } : answer;
}

function pathOf(target: string, origin: string): string {
  const mark = target.indexOf('?');
  return target.slice(origin.length, mark === -1 ? undefined : mark);
}

/** What the rule and the request make of a protocol's wish. */
function settle(
  delivery: Extract<Delivery, { type: 'redirect' | 'proxy' }>,
  rule: CompiledRule,
  upstream: CompiledUpstream,
  request: RequestDescriptor,
):
  | { type: 'redirect'; status: RedirectStatus }
  | { type: 'proxy'; delivery: 'stream' | 'rewrite' | 'relay' } {
  if (delivery.type === 'proxy') return delivery;
  if (rule.mode === 'proxy') return { type: 'proxy', delivery: 'stream' };
  // No client carries a credential of ours across a redirect.
  if (upstream.authenticated && rule.mode === 'auto') return { type: 'proxy', delivery: 'relay' };
  const downgrade = request.scheme === 'https' && upstream.origin.startsWith('http:');
  if (downgrade && !rule.downgrade) return { type: 'proxy', delivery: 'stream' };
  if (rule.status === undefined || !isSafe(request.method)) return delivery;
  return { type: 'redirect', status: rule.status };
}

/** GET and HEAD; other methods need a status that keeps them (RFC 9110 §15.4.8). */
function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Joins texts; nothing is resolved, so that no path can lead to another origin. */
function targetOf(match: Match, upstream: CompiledUpstream, place: string, carried?: string): string {
  const { protocol, rule, resource, subject, params } = match;
  const renamed =
    subject !== undefined && protocol.rename ? protocol.rename(resource, place, upstream) : resource;
  const base = protocol.rename ? '' : upstream.place(params, '');
  const path = base + protocol.format(renamed);
  const own = upstream.query(params);
  if (own === '' && !(rule.dropQuery && carried !== undefined)) return upstream.origin + path;
  const mark = path.indexOf('?');
  const query = mergeQuery(own, rule.dropQuery || mark === -1 ? undefined : path.slice(mark + 1));
  return upstream.origin + (mark === -1 ? path : path.slice(0, mark)) + (query === '' ? '' : `?${query}`);
}

/** Where a decision comes from; each field is there, if only as `undefined`. */
interface Origin {
  readonly rule: string | undefined;
  readonly protocol: string | undefined;
  readonly resource: Resource | undefined;
  readonly params: Params | undefined;
  readonly purl: string | undefined;
}

const NOWHERE: Origin = {
  rule: undefined,
  protocol: undefined,
  resource: undefined,
  params: undefined,
  purl: undefined,
};

function respond(
  { status, headers, body }: Answer,
  { rule, protocol, resource, params, purl }: Origin,
): Decision {
  return { type: 'respond', status, headers, body, rule, protocol, resource, params, purl };
}
