import type { CompiledRule, CompiledUpstream } from './compiled-rule.ts';
import { holds } from './condition.ts';
import type { RequestDescriptor } from './request.ts';

/** What the choice among upstreams depends on besides the rule and the request. */
export interface Circumstances {
  /** The time, in milliseconds since 1970. */
  readonly now: number;
  /** Tells whether an upstream is fit to be asked before the others. */
  isFit(upstream: CompiledUpstream): boolean;
  /** Tells whether an upstream has lost its share, because it fared worse with it than the others. Default none has. */
  isHeld?(upstream: CompiledUpstream): boolean;
}

/** No clock and no news of upstreams: schedules have not begun, and all are fit. */
export const CALM: Circumstances = { now: Number.NEGATIVE_INFINITY, isFit: () => true };

const ONLY: readonly number[] = [0];

/**
 * Puts the upstreams of a rule into the order in which they are to be asked, by their numbers: first the one that the
 * weights choose for this client and name, then the others as written; those that are not fit come last.
 *
 * Pure: of the same rule, client, name and circumstances it is always the same order. `name` is what else than the client
 * the choice may depend on, so that what is read together comes from one upstream.
 */
export function orderUpstreams(
  { name: rule, upstreams, plain }: CompiledRule,
  request: RequestDescriptor,
  name: string,
  circumstances: Circumstances,
): readonly number[] {
  if (upstreams.length === 1 && plain) return ONLY;
  const { now } = circumstances;
  const open = upstreams.flatMap((upstream, number) =>
    upstream.when === undefined || holds(upstream.when, request, now) ? [number] : [],
  );
  const weights = open.map((number) => {
    const upstream = upstreams[number] as CompiledUpstream;
    return circumstances.isHeld?.(upstream) ? undefined : weightAt(upstream, now);
  });
  const chosen = pick(open, weights, textOf(rule, name, request));
  const others = open.filter((number, index) => number !== chosen && weights[index] !== 0);
  const order = chosen === undefined ? others : [chosen, ...others];
  const isFit = (number: number): boolean => circumstances.isFit(upstreams[number] as CompiledUpstream);
  return order.every(isFit) ? order : [...order.filter(isFit), ...order.filter((number) => !isFit(number))];
}

/** The weight of an upstream at a time; `undefined` for one that only others fall back to. */
export function weightAt(upstream: CompiledUpstream, now: number): number | undefined {
  if (!upstream.ramp) return upstream.weight;
  return upstream.ramp.findLast(({ at }) => at <= now)?.weight ?? upstream.weight ?? 0;
}

/** What the number of a client is made of: the same for all that it reads together. */
export function textOf(rule: string, name: string, { ip = '' }: RequestDescriptor): string {
  return `${rule}\0${name}\0${ip}`;
}

/** The number whose share of the weights the hash of a text falls into. */
function pick(
  numbers: readonly number[],
  weights: readonly (number | undefined)[],
  text: string,
): number | undefined {
  const total = weights.reduce<number>((sum, weight = 0) => sum + weight, 0);
  if (total === 0) return undefined;
  let rest = share(text) * total;
  for (const [index, weight = 0] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return numbers[index];
  }
  return undefined;
}

/** A number from 0 to below 1 that texts fall on evenly: FNV-1a over the UTF-16 code units, finished as MurmurHash3 is. */
export function share(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}
