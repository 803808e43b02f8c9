import type { Circumstances } from '../core/choice.ts';
import type { RuleSet } from '../core/compile.ts';
import type { CompiledRule } from '../core/compiled-rule.ts';
import { findOutcome, type RequestOutcome } from '../core/outcome.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { LogEntry } from './entry.ts';
import { agrees, type RecordedOutcome, toRecorded } from './recorded.ts';

/** The most requests and changes that are told apart; what comes beyond is counted. */
const MOST = { requests: 10_000, changes: 1000 };

/** How many characters of a request are kept. */
const LONGEST = 500;

/** What a log is run against. */
export interface ReplayOptions {
  /** The rules that are to come. */
  readonly rules: RuleSet;
  /** The rules that are in force. Default none: what the log says is compared. */
  readonly against?: RuleSet | undefined;
  /** The host of requests of which the log does not say it. Default none: they are left out. */
  readonly host?: string | undefined;
  /** The scheme where the log does not say it. Default `https`. */
  readonly scheme?: 'http' | 'https' | undefined;
  /** The time of schedules, and the state of upstreams. */
  readonly circumstances: Circumstances;
}

/** Requests that change in the same way. */
export interface Change {
  /** How many. */
  count: number;
  /** What they got before. */
  readonly before: RecordedOutcome;
  /** What they get now. */
  readonly after: RequestOutcome;
  /** The requests, each once. */
  readonly requests: readonly ChangedRequest[];
  /** How many there are besides. */
  more: number;
}

/** A request whose answer changes. */
export interface ChangedRequest {
  /** The method and the address. */
  readonly request: string;
  /** How often it is in the log. */
  count: number;
  /** Where it led. */
  readonly from: string | undefined;
  /** Where it leads. */
  readonly to: string | undefined;
}

/** What came of a replay. */
export interface ReplayResult {
  /** The requests that were compared. */
  readonly requests: number;
  /** Those whose answer changes. */
  readonly changed: number;
  /** Those without a host, which could not be compared. */
  readonly withoutHost: number;
  /** The changes, the most frequent first. */
  readonly changes: readonly Change[];
}

/** A replay under way; its memory is bounded. */
export interface Replay {
  /** Takes a request. */
  add(entry: LogEntry): void;
  /** What has come of it so far. */
  result(): ReplayResult;
}

interface Tally {
  readonly change: Change & { readonly requests: ChangedRequest[] };
  readonly byRequest: Map<string, ChangedRequest>;
}

/** Makes a replay of a log against rules. */
export function createReplay(options: ReplayOptions): Replay {
  const { rules, against, circumstances } = options;
  const tallies = new Map<string, Tally>();
  const byName = new Map(rules.rules.map((rule) => [rule.name, rule]));
  const counts = { requests: 0, changed: 0, withoutHost: 0, kept: 0 };

  function note(request: RequestDescriptor, before: RecordedOutcome, after: RequestOutcome): void {
    counts.changed += 1;
    const own = keyOf(before, after);
    // Hosts in a log may be anything; beyond so many changes, what was before is not told apart.
    const full = !tallies.has(own) && tallies.size >= MOST.changes;
    const key = full ? keyOf({}, after) : own;
    const found = tallies.get(key) ?? startTally(full ? {} : before, after);
    tallies.set(key, found);
    found.change.count += 1;
    const text = textOf(request);
    const known = found.byRequest.get(text);
    if (known) known.count += 1;
    else if (counts.kept < MOST.requests) {
      counts.kept += 1;
      const entry = { request: text, count: 1, from: before.address, to: after.address };
      found.byRequest.set(text, entry);
      found.change.requests.push(entry);
    } else found.change.more += 1;
  }

  return {
    add(entry) {
      const request = toDescriptor(entry, options);
      if (!request) {
        counts.withoutHost += 1;
        return;
      }
      counts.requests += 1;
      const after = findOutcome(rules, request, circumstances);
      const before = against ? findOutcome(against, request, circumstances) : toRecorded(entry);
      const same = against ? isSame(before, after) : agrees(before, after, ruleOf(byName, after));
      if (!same) note(request, before, after);
    },
    result() {
      const changes = [...tallies.values()].map(({ change }) => change);
      for (const { requests } of changes) requests.sort((a, b) => b.count - a.count);
      changes.sort((a, b) => b.count - a.count);
      const { requests, changed, withoutHost } = counts;
      return { requests, changed, withoutHost, changes };
    },
  };
}

function startTally(before: RecordedOutcome, after: RequestOutcome): Tally {
  return { change: { count: 0, before, after, requests: [], more: 0 }, byRequest: new Map() };
}

function ruleOf(
  rules: ReadonlyMap<string, CompiledRule>,
  { rule }: RequestOutcome,
): CompiledRule | undefined {
  return rule === undefined ? undefined : rules.get(rule);
}

/** Makes a request of a line; `undefined` without a host. */
function toDescriptor(entry: LogEntry, options: ReplayOptions): RequestDescriptor | undefined {
  const host = entry.host ?? options.host;
  if (host === undefined) return undefined;
  const { method, path, query, ip, userAgent } = entry;
  return {
    method,
    scheme: entry.scheme ?? options.scheme ?? 'https',
    host,
    path,
    query,
    ip,
    headers: { ...(userAgent !== undefined && { 'user-agent': userAgent }) },
  };
}

function isSame(before: RecordedOutcome, after: RequestOutcome): boolean {
  return (
    before.type === after.type &&
    before.status === after.status &&
    before.host === after.host &&
    before.rule === after.rule &&
    before.address === after.address
  );
}

/** What tells changes apart: not the addresses. */
function keyOf(before: RecordedOutcome, after: RequestOutcome): string {
  return JSON.stringify([shape(before), shape(after)]);
}

function shape({ type, status, host, rule }: RecordedOutcome): readonly unknown[] {
  return [type, status, host, rule];
}

function textOf({ method, scheme, host, path, query }: RequestDescriptor): string {
  const text = `${method} ${scheme}://${host}${path}${query === undefined ? '' : `?${query}`}`;
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
