import type { RuleSet } from '../core/compile.ts';
import type { Transport } from '../gateway/transport.ts';
import { createSide, type Manners } from './ask.ts';
import { conceal } from './conceal.ts';
import { Doubt, type Finding, Stop, type StopReason, unchecked } from './finding.ts';
import { findInventory } from './inventories.ts';
import type { Check, Inventory } from './inventory.ts';
import { inParallel } from './pool.ts';
import { createSeen } from './seen.ts';

/** What is finished, so that a verification can be taken up again. */
export interface Journal {
  /** Tells whether a name was finished before. */
  has(name: string): boolean;
  /** Notes a name that is finished, with what was found. */
  finish(name: string, findings: readonly Finding[]): void;
}

/** How often names were downloaded. */
export interface Demand {
  /** The number of downloads of a path, with its mount. */
  count(path: string): number;
}

/** Options of `verify`. */
export interface VerifyOptions {
  /** The rules as they are: the rule leads to the upstream that serves today, and to no other. */
  readonly a: RuleSet;
  /** The same rules, with that rule leading to the other upstream. */
  readonly b: RuleSet;
  /** The name of the rule. */
  readonly rule: string;
  /** Sends requests. */
  readonly transport: Transport;
  /** The inventory, by the name of a protocol. Default that of the rule's protocol. */
  readonly inventory?: string | Inventory | undefined;
  /** What is verified. Default all that the first upstream lists, where a protocol has such a list. */
  readonly names?: Iterable<string> | AsyncIterable<string> | undefined;
  /** Whether large files are compared byte by byte. Default false. */
  readonly deep?: boolean | undefined;
  /** How many checks are under way at a time. Default 8. */
  readonly concurrency?: number | undefined;
  /** The most requests to both upstreams together, tokens and redirects included. Default any number. */
  readonly budget?: number | undefined;
  /** How long an upstream may take for an answer, or the next piece of one, in milliseconds. Default 30,000. */
  readonly timeout?: number | undefined;
  /** How long an upstream's `Retry-After` is respected at most, in milliseconds. Default 60,000. */
  readonly longestWait?: number | undefined;
  /** How often one answer is waited for when an upstream wants fewer requests. Default 4. */
  readonly waits?: number | undefined;
  /** The `Authorization` of a client, for upstreams with `auth: client`. Default none. */
  readonly authorization?: string | undefined;
  /** What was finished before. Default nothing. */
  readonly journal?: Journal | undefined;
  /** How often paths were downloaded. Default unknown. */
  readonly demand?: Demand | undefined;
  /** Ends the verification with what is known. */
  readonly signal?: AbortSignal | undefined;
}

/** A name that was checked. */
export interface Checked {
  /** The name. */
  readonly name: string;
  /** What was found; nothing when both serve the same. */
  readonly findings: readonly Finding[];
  /** How many downloads of it the access log has; `undefined` without a log. */
  readonly demand?: number | undefined;
}

/** Numbers of requests. */
export interface Requests {
  /** To the first upstream. */
  readonly a: number;
  /** To the second. */
  readonly b: number;
}

/** How a verification ended. */
export interface Ending {
  /** The requests to each upstream. */
  readonly requests: Requests;
  /** The names that a journal had. */
  readonly resumed: number;
  /** Why it ended before its end; `undefined` when all was checked. */
  readonly stopped: StopReason | undefined;
}

/**
 * Asks two upstreams through a gateway, as clients would, for all that the first has, and yields what comes of each name as
 * soon as it is known. Memory does not grow with the number of names.
 *
 * @throws TypeError There is no such rule, or nothing is said to be verified.
 */
export async function* verify(options: VerifyOptions): AsyncGenerator<Checked, Ending, undefined> {
  const { a, b, rule, concurrency = 8, journal, demand, deep = false, names = [] } = options;
  const state = { requests: { a: 0, b: 0 }, resumed: 0, stopped: undefined as StopReason | undefined };
  const manners = toManners(options, state.requests);
  const sides = { a: createSide('A', a, rule, manners), b: createSide('B', b, rule, manners) };
  const inventory = toInventory(options);
  const given = { any: false };
  const task = { ...sides, names: watch(names, given), deep, seen: createSeen() };
  const base = new URL(sides.a.base).pathname.replace(/\/$/, '');

  async function* listNew(): AsyncGenerator<Check, void, undefined> {
    try {
      for await (const check of inventory.list(task))
        if (journal?.has(check.name)) state.resumed++;
        else yield check;
    } catch (error) {
      if (error instanceof Stop) state.stopped ??= error.reason;
      else if (error instanceof Doubt)
        yield { name: 'inventory', run: () => once(unchecked('inventory', 'list', error.message)) };
      else throw error;
    }
    if (!given.any && !inventory.lists) throw new TypeError(`Say what to verify: ${inventory.names}.`);
  }

  const work = async (check: Check): Promise<Checked | 'stopped'> => {
    if (state.stopped) return 'stopped';
    const count = check.path === undefined ? undefined : demand?.count(base + check.path);
    try {
      const findings = (await gather(check)).map((finding) => toTold(finding, count));
      // What could not be checked is checked again the next time.
      if (findings.every(({ type }) => type !== 'unchecked')) journal?.finish(check.name, findings);
      return { name: check.name, findings, ...(count !== undefined && { demand: count }) };
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      state.stopped ??= error.reason;
      return 'stopped';
    }
  };

  for await (const result of inParallel(listNew(), concurrency, work)) {
    if (result !== 'stopped') yield result;
    else if (state.stopped) break;
  }
  return state;
}

async function gather(check: Check): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  try {
    for await (const finding of check.run()) findings.push(finding);
  } catch (error) {
    if (!(error instanceof Doubt)) throw error;
    findings.push(unchecked(check.name.replace(/\?.*$/, '?…'), 'all', error.message));
  }
  return findings;
}

/** A finding as it may be shown. */
function toTold(finding: Finding, count: number | undefined): Finding {
  const told = Object.fromEntries(
    Object.entries(finding).map(([key, value]) => [key, typeof value === 'string' ? conceal(value) : value]),
  ) as unknown as Finding;
  return count === undefined ? told : { ...told, demand: count };
}

function toManners(options: VerifyOptions, requests: { a: number; b: number }): Manners {
  const { transport, budget = Number.POSITIVE_INFINITY, timeout = 30_000, authorization } = options;
  const { longestWait = 60_000, waits = 4, signal = new AbortController().signal } = options;
  return {
    transport,
    signal,
    timeout,
    longestWait,
    waits,
    authorization,
    spend(label) {
      if (requests.a + requests.b >= budget) throw new Stop('budget', 'The budget is used up.');
      requests[label === 'A' ? 'a' : 'b']++;
    },
  };
}

function toInventory({ a, rule, inventory }: VerifyOptions): Inventory {
  if (typeof inventory === 'object') return inventory;
  const protocol = a.rules.find(({ name }) => name === rule)?.protocol.name ?? '';
  return findInventory(inventory ?? protocol);
}

async function* watch(
  names: Iterable<string> | AsyncIterable<string>,
  given: { any: boolean },
): AsyncGenerator<string, void, undefined> {
  for await (const name of names) {
    given.any = true;
    yield name;
  }
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value;
}
