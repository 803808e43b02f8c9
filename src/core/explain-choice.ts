import { CALM, type Circumstances, orderUpstreams, share, textOf, weightAt } from './choice.ts';
import type { CompiledRule, CompiledUpstream } from './compiled-rule.ts';
import { explainCondition, holds } from './condition.ts';
import type { RequestDescriptor } from './request.ts';

/** What the choice among the upstreams of a rule makes of one of them. */
export interface UpstreamReason {
  /** Its origin. */
  readonly origin: string;
  /** When it is asked: 1 for the one that the request is led to; `undefined` for never. */
  readonly turn: number | undefined;
  /** Its part of the clients, from 0 to 1, `undefined` when it has no weight, or its condition does not hold. */
  readonly part: number | undefined;
  /** Why; one sentence. */
  readonly reason: string;
}

/** Why the upstreams of a rule are asked in the order in which they are. */
export interface ChoiceExplanation {
  /** The number of this client, from 0 to below 1, which falls on a part; `undefined` when nothing has a weight. */
  readonly client: number | undefined;
  /** The upstreams, in the order in which they were written. */
  readonly upstreams: readonly UpstreamReason[];
}

/** Says of every upstream of a rule when it is asked, and why; the order is that of `orderUpstreams`. */
export function explainChoice(
  rule: CompiledRule,
  request: RequestDescriptor,
  name: string,
  circumstances: Circumstances = CALM,
): ChoiceExplanation {
  const { now } = circumstances;
  const order = orderUpstreams(rule, request, name, circumstances);
  const parts = listParts(rule, request, circumstances);
  const weighted = parts.some((part) => part !== undefined && part > 0);
  const client = weighted ? share(textOf(rule.name, name, request)) : undefined;
  let start = 0;
  const upstreams = rule.upstreams.map((upstream, number): UpstreamReason => {
    const part = parts[number];
    const from = start;
    start += part ?? 0;
    const turn = order.indexOf(number) + 1 || undefined;
    const reason =
      upstream.when && !holds(upstream.when, request, now)
        ? explainCondition(upstream.when, request, now)
        : explainTurn(upstream, { rule, turn, part, from, client, weighted }, circumstances);
    return { origin: upstream.origin, turn, part, reason };
  });
  return { client, upstreams };
}

/** The part of the clients that each upstream of a rule gets, by their numbers. */
export function listParts(
  { upstreams }: CompiledRule,
  request: RequestDescriptor,
  circumstances: Circumstances,
): readonly (number | undefined)[] {
  const weights = upstreams.map((upstream) => {
    const open = upstream.when === undefined || holds(upstream.when, request, circumstances.now);
    return open && !circumstances.isHeld?.(upstream) ? weightAt(upstream, circumstances.now) : undefined;
  });
  const total = weights.reduce<number>((sum, weight = 0) => sum + weight, 0);
  return weights.map((weight) => (weight === undefined || total === 0 ? weight && 0 : weight / total));
}

interface Turn {
  readonly rule: CompiledRule;
  readonly turn: number | undefined;
  readonly part: number | undefined;
  readonly from: number;
  readonly client: number | undefined;
  readonly weighted: boolean;
}

function explainTurn(upstream: CompiledUpstream, state: Turn, circumstances: Circumstances): string {
  const { rule, turn, part, from, client, weighted } = state;
  const step = explainStep(upstream, circumstances.now);
  if (!circumstances.isFit(upstream)) return 'It is out of order, and asked after those that are in order.';
  if (circumstances.isHeld?.(upstream)) return 'It has lost its share, because requests to it failed.';
  if (part === undefined) return explainPlace(rule, turn, weighted);
  const range = `It has ${percent(part)} of the clients${step}`;
  if (part === 0) return `${range}, and nobody falls back to it.`;
  const numbers = `numbers from ${digits(from)} to ${digits(from + part)}`;
  return client !== undefined && client >= from && client < from + part
    ? `${range}, ${numbers}, and this client's is ${digits(client)}.`
    : `${range}, ${numbers}, and is asked when those before it cannot answer.`;
}

function explainPlace(rule: CompiledRule, turn: number | undefined, weighted: boolean): string {
  if (rule.upstreams.length === 1) return 'It is the only upstream.';
  if (rule.merge) return 'Its index is one with those of the others; of what several have, the first has it.';
  if (weighted) return 'It has no weight, and is only fallen back to.';
  return turn === 1
    ? 'It is the first in the order of fallback.'
    : 'It is asked when those before it cannot answer.';
}

/** The step of a schedule that is in force. */
function explainStep({ ramp, weight = 0 }: CompiledUpstream, now: number): string {
  if (!ramp) return '';
  const step = ramp.findLast(({ at }) => at <= now);
  const next = ramp.find(({ at }) => at > now);
  const then = next ? `, until it has the weight ${next.weight} on ${timeOf(next.at)}` : '';
  return step
    ? ` by the step of ${timeOf(step.at)} (weight ${step.weight})${then}`
    : ` before its schedule begins (weight ${weight})${then}`;
}

function timeOf(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}

function percent(part: number): string {
  return `${Math.round(part * 1000) / 10} %`;
}

function digits(number: number): string {
  return number.toFixed(3);
}
