import type { CompiledRule, CompiledUpstream } from './compiled-rule.ts';
import type { Decision, RedirectStatus } from './decision.ts';
import { type Match, NO_PARAMS } from './find-match.ts';
import type { Answer, Delivery, Resource, RuleContext } from './protocol.ts';
import { mergeQuery } from './query.ts';
import { hasDotSegment, type RequestDescriptor } from './request.ts';
import type { Params } from './target.ts';

/** The fields of an answer in plain words. */
export const TEXT: Readonly<Record<string, string>> = { 'content-type': 'text/plain; charset=utf-8' };

/**
 * Makes the decision of what a protocol wishes, of the rule and of the request.
 *
 * Written out field by field: decisions of one shape each keep the hot path fast.
 */
export function toDecision(
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
export function targetOf(match: Match, upstream: CompiledUpstream, place: string, carried?: string): string {
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
export interface Origin {
  readonly rule: string | undefined;
  readonly protocol: string | undefined;
  readonly resource: Resource | undefined;
  readonly params: Params | undefined;
  readonly purl: string | undefined;
}

/** Where a decision comes from that needed no rule. */
export const NOWHERE: Origin = {
  rule: undefined,
  protocol: undefined,
  resource: undefined,
  params: undefined,
  purl: undefined,
};

/** The decision to answer here. */
export function respond(
  { status, headers, body }: Answer,
  { rule, protocol, resource, params, purl }: Origin,
): Decision {
  return { type: 'respond', status, headers, body, rule, protocol, resource, params, purl };
}
