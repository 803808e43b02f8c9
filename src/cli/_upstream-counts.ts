import { LRUCache } from 'lru-cache';
import type { AccessRecord, AdapterOptions } from '../adapters/node.ts';
import type { RuleSet } from '../core/compile.ts';
import type { CompiledRule } from '../core/compiled-rule.ts';
import type { Decision } from '../core/decision.ts';

/** What became of the requests of a rule at one of its upstreams, since the program started. */
export interface UpstreamCount {
  /** The rule's name. */
  readonly rule: string;
  /** The upstream's origin; empty when it is not known which of several it was. */
  readonly upstream: string;
  /** The requests that the gateway made there for clients. */
  readonly requests: number;
  /** Those that failed: no answer, 429, or a server error. */
  readonly errors: number;
  /** Those that were answered with 401, 403, 404 or 410. */
  readonly refusals: number;
  /** The clients that were redirected there. */
  readonly redirects: number;
  /** How often it lost its share, because it fared worse than the others. */
  readonly trips: number;
  /** When the last one failed, in milliseconds since 1970; 0 for never. */
  readonly lastError: number;
}

/** The hooks that are counted. */
type CountedHooks = {
  readonly [Key in 'onResponse' | 'onUpstreamError' | 'onUpstreamChange' | 'onGuardTrip']: NonNullable<
    AdapterOptions[Key]
  >;
};

/** Counts what hooks are told. */
export interface UpstreamCounts extends CountedHooks {
  /** The counts by rule and upstream. */
  list(): readonly UpstreamCount[];
  /** The origins that fell out of order once, and whether each is in order now. */
  listHealth(): readonly (readonly [origin: string, inOrder: boolean])[];
}

/** The most rules and upstreams that are counted, so that years of changes do not add up. */
const MOST = 5000;

const REFUSALS: readonly number[] = [401, 403, 404, 410];

/** Makes counts of the requests of rules, by the names and origins that the rules have and no others. */
export function createUpstreamCounts(readRules: () => RuleSet): UpstreamCounts {
  const counts = new LRUCache<string, UpstreamCount>({ max: MOST });
  const health = new LRUCache<string, boolean>({ max: MOST });
  const failed = new WeakSet<Decision>();
  const find = createFind(readRules);

  function add(rule: string, upstream: string, numbers: Partial<UpstreamCount>): void {
    const key = `${rule}\0${upstream}`;
    const { requests, errors, refusals, redirects, trips, lastError } = counts.get(key) ?? NOTHING;
    counts.set(key, {
      rule,
      upstream,
      requests: requests + (numbers.requests ?? 0),
      errors: errors + (numbers.errors ?? 0),
      refusals: refusals + (numbers.refusals ?? 0),
      redirects: redirects + (numbers.redirects ?? 0),
      trips: trips + (numbers.trips ?? 0),
      lastError: numbers.errors ? Date.now() : lastError,
    });
  }

  return {
    onResponse({ decision, status }: AccessRecord) {
      // A request that failed was counted then; one whose client left tells nothing.
      if (decision.type === 'pass' || decision.rule === undefined || failed.has(decision) || status === 0)
        return;
      const upstream = originOf(find(decision.rule), decision);
      if (decision.type === 'redirect') add(decision.rule, upstream, { redirects: 1 });
      else if (decision.type !== 'respond') add(decision.rule, upstream, judge(status));
    },
    onUpstreamError({ message }, decision) {
      if (decision.rule === undefined) return;
      failed.add(decision);
      add(decision.rule, originOf(find(decision.rule), decision, message), { requests: 1, errors: 1 });
    },
    onGuardTrip: ({ rule, origin }) => add(rule, origin, { trips: 1 }),
    onUpstreamChange: (origin, inOrder) => void health.set(origin, inOrder),
    list: () => [...counts.values()].reverse(),
    listHealth: () => [...health.entries()].reverse(),
  };
}

const NOTHING = { requests: 0, errors: 0, refusals: 0, redirects: 0, trips: 0, lastError: 0 };

function judge(status: number): Partial<UpstreamCount> {
  if (status === 429 || status >= 500) return { requests: 1, errors: 1 };
  return { requests: 1, refusals: REFUSALS.includes(status) ? 1 : 0 };
}

/** Finds the origins of rules by their names, in the rules that serve at the time. */
function createFind(readRules: () => RuleSet): (name: string) => readonly string[] {
  let of: RuleSet | undefined;
  let byName = new Map<string, readonly string[]>();
  return (name) => {
    const now = readRules();
    if (now !== of) [of, byName] = [now, new Map(now.rules.map((rule) => [rule.name, listOrigins(rule)]))];
    return byName.get(name) ?? [];
  };
}

function listOrigins({ upstreams }: CompiledRule): readonly string[] {
  return [...new Set(upstreams.map(({ origin }) => origin))];
}

/** The upstream of a rule that a decision leads to, or that an error is of. */
function originOf([only = '', ...others]: readonly string[], decision: Decision, message = ''): string {
  if (others.length === 0) return only;
  const lead =
    decision.type === 'proxy' ? decision.target : decision.type === 'redirect' ? decision.location : message;
  const isIt = (origin: string): boolean =>
    lead.startsWith(origin) && /^(?:[/?\s]|:(?!\d)|$)/.test(lead.slice(origin.length));
  return [only, ...others].find(isIt) ?? '';
}
