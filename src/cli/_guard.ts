import type { UpstreamCount } from './_upstream-counts.ts';
import type { ReadMetrics } from './_upstream-metrics.ts';

/** So few failures may be chance. */
const LEAST = { errors: 3, refusals: 5 };

/** From so many requests before on, it is known how many of them are refused. */
const KNOWN = 20;

/** So many percent more refusals than before are another matter than other requests. */
const REFUSED = 20;

/** What was counted when nothing had been changed, by instance. */
export type Baseline = readonly (ReadMetrics | undefined)[];

/** The numbers since a baseline. */
export interface Share {
  /** The requests. */
  readonly requests: number;
  /** Those that failed. */
  readonly errors: number;
  /** Those that were refused: 401, 403, 404, 410. */
  readonly refusals: number;
  /** Clients that were redirected. */
  readonly redirects: number;
  /** How often the upstream lost its share. */
  readonly trips: number;
}

/** Sums what became of a rule's requests at an upstream since a baseline, over all instances. */
export function sumSince(now: Baseline, before: Baseline, rule: string, upstream: string): Share {
  const sums = now.map((metrics, index) => {
    const [count, old] = [metrics, before[index]].map((each) =>
      each?.counts.find((other) => other.rule === rule && other.upstream === upstream),
    );
    return subtract(count, old);
  });
  return sums.reduce(add, NOTHING);
}

/** Says why a change is to be taken back; `undefined` for no reason. */
export function findTrip(
  share: Share,
  before: Share,
  { guard, upstream }: { readonly guard: number; readonly upstream: string },
): string | undefined {
  const { requests, errors, refusals, trips } = share;
  if (trips > 0) return `${upstream} fared worse with its share than the others`;
  if (errors >= LEAST.errors && percentOf(errors, requests) > guard)
    return `${errors} of ${requests} requests failed at ${upstream}, more than ${guard} %`;
  const usual = percentOf(before.refusals, before.requests);
  const more = percentOf(refusals, requests) - usual;
  if (before.requests >= KNOWN && refusals >= LEAST.refusals && more > Math.max(guard, REFUSED))
    return `${refusals} of ${requests} requests were refused or not found at ${upstream}, before it was ${Math.round(usual)} %`;
  return undefined;
}

/** Sums what became of all requests of a rule. */
export function sumOfRule(metrics: Baseline, rule: string): Share {
  return metrics
    .flatMap((each) => each?.counts.filter((count) => count.rule === rule) ?? [])
    .reduce<Share>(add, NOTHING);
}

const NOTHING: Share = { requests: 0, errors: 0, refusals: 0, redirects: 0, trips: 0 };

function add(a: Share, b: Share): Share {
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    refusals: a.refusals + b.refusals,
    redirects: a.redirects + b.redirects,
    trips: a.trips + b.trips,
  };
}

/** An instance that was started anew counts from 0. */
function subtract(now: Omit<UpstreamCount, 'lastError'> | undefined, old: Share = NOTHING): Share {
  if (!now) return NOTHING;
  const isNew = now.requests < old.requests || now.redirects < old.redirects;
  const before = isNew ? NOTHING : old;
  return {
    requests: now.requests - before.requests,
    errors: now.errors - before.errors,
    refusals: now.refusals - before.refusals,
    redirects: now.redirects - before.redirects,
    trips: now.trips - before.trips,
  };
}

function percentOf(part: number, whole: number): number {
  return whole === 0 ? 0 : (part / whole) * 100;
}
