import { LRUCache } from 'lru-cache';
import type { CompiledRule, CompiledUpstream } from '../core/compiled-rule.ts';
import { callHook } from './hook.ts';

/** What is looked at: so many milliseconds, in so many parts. */
const WINDOW = { length: 300_000, parts: 10 };

/** An upstream is held back when so many requests, and such a part of them, have failed there. */
const LEAST = { failed: 5, part: 0.1 };

/** And when the part is so many times that of the others. */
const TIMES = 2;

/** A client that asks so often for one thing within so many milliseconds did not get it where it was redirected. */
const STORM = { requests: 4, within: 30_000 };

/** And one that has got what opens a name asks for more of it within so many milliseconds. */
const FOLLOW_UP = 60_000;

/** The most clients and things that are remembered. */
const MOST = 10_000;

/** An upstream with a share that was held back. */
export interface GuardTrip {
  /** The rule's name. */
  readonly rule: string;
  /** The upstream's origin. */
  readonly origin: string;
  /** The requests that were led there in the last five minutes. */
  readonly asked: number;
  /** Those that failed. */
  readonly failed: number;
}

/** Holds an upstream back whose share of the clients fares worse than the others. */
export interface Guard {
  /** Tells whether an upstream is held back. It is until the rules are loaded anew. */
  isHeld(upstream: CompiledUpstream): boolean;
  /** Notes what became of a request that the gateway made. */
  note(rule: CompiledRule, upstream: CompiledUpstream, failed: boolean): void;
  /** Notes a redirect; that a client asks again and again tells that it leads nowhere. */
  noteRedirect(rule: CompiledRule, upstream: CompiledUpstream, location: string, client: string): void;
  /** Notes a redirect to what opens a name; that a client asks for nothing more of it tells that it did not get it. */
  noteOpening(rule: CompiledRule, upstream: CompiledUpstream, name: string, client: string): void;
  /** Notes that a client asks for something of a name. */
  noteFollowUp(rule: CompiledRule, name: string, client: string): void;
}

/** A redirect to what opens a name. */
interface Opening {
  readonly rule: CompiledRule;
  readonly upstream: CompiledUpstream;
}

/** What became of the requests to an upstream, part by part of the window. */
interface Record {
  readonly asked: number[];
  readonly failed: number[];
  since: number;
}

/** Makes a guard; what it knows ends with the rule set that it is of. */
export function createGuard(onTrip: ((trip: GuardTrip) => void) | undefined): Guard {
  const held = new WeakSet<CompiledUpstream>();
  const records = new WeakMap<CompiledUpstream, Record>();
  const storms = new LRUCache<string, number>({ max: MOST, ttl: STORM.within });
  const openings = new LRUCache<string, Opening>({
    max: MOST,
    ttl: FOLLOW_UP,
    perf: Date,
    dispose: ({ rule, upstream }, _, reason) => note(rule, upstream, reason === 'expire'),
  });

  function note(rule: CompiledRule, upstream: CompiledUpstream, failed: boolean): void {
    if (!isGuarded(rule, upstream)) return;
    const record = recordOf(records, upstream);
    record.asked[0] = (record.asked[0] ?? 0) + 1;
    if (!failed) return;
    record.failed[0] = (record.failed[0] ?? 0) + 1;
    const own = sumOf(record);
    // Without others to compare with, nobody knows what is usual.
    if (held.has(upstream) || own.failed < LEAST.failed || own.failed < own.asked * LEAST.part) return;
    const others = sumOf(
      ...rule.upstreams.filter((other) => other !== upstream).map((other) => recordOf(records, other)),
    );
    if (others.asked === 0 || own.failed * others.asked < TIMES * others.failed * own.asked) return;
    held.add(upstream);
    callHook(() => onTrip?.({ rule: rule.name, origin: upstream.origin, ...own }));
  }

  return {
    isHeld: (upstream) => held.has(upstream),
    note,
    noteRedirect(rule, upstream, location, client) {
      if (!isGuarded(rule, upstream)) return;
      const key = `${client}\0${location}`;
      const count = (storms.get(key) ?? 0) + 1;
      storms.set(key, count, { noUpdateTTL: true });
      note(rule, upstream, count === STORM.requests);
    },
    noteOpening(rule, upstream, name, client) {
      if (!isGuarded(rule, upstream)) return;
      openings.purgeStale();
      openings.set(keyOf(rule, name, client), { rule, upstream });
    },
    noteFollowUp(rule, name, client) {
      openings.delete(keyOf(rule, name, client));
    },
  };
}

function keyOf({ name: rule }: CompiledRule, name: string, client: string): string {
  return JSON.stringify([rule, name, client]);
}

/** Where there is no share, there is nothing to hold back. */
function isGuarded({ plain, upstreams }: CompiledRule, { weight, ramp }: CompiledUpstream): boolean {
  return !plain && upstreams.length > 1 && (weight !== undefined || ramp !== undefined);
}

function recordOf(records: WeakMap<CompiledUpstream, Record>, upstream: CompiledUpstream): Record {
  const record = records.get(upstream) ?? { asked: [0], failed: [0], since: Date.now() };
  records.set(upstream, record);
  const part = WINDOW.length / WINDOW.parts;
  const passed = Math.min(Math.floor((Date.now() - record.since) / part), WINDOW.parts);
  for (let count = 0; count < passed; count++) {
    for (const list of [record.asked, record.failed]) {
      list.unshift(0);
      list.length = Math.min(list.length, WINDOW.parts);
    }
  }
  if (passed > 0) record.since = Date.now();
  return record;
}

function sumOf(...records: readonly Record[]): { readonly asked: number; readonly failed: number } {
  const add = (lists: readonly (readonly number[])[]): number =>
    lists.flat().reduce((sum, count) => sum + count, 0);
  return { asked: add(records.map(({ asked }) => asked)), failed: add(records.map(({ failed }) => failed)) };
}
