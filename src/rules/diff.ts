import type { Circumstances } from '../core/choice.ts';
import type { RuleSet } from '../core/compile.ts';
import type { CompiledRule, CompiledUpstream } from '../core/compiled-rule.ts';
import { writeExample } from '../core/example.ts';
import { findOutcome, hostIn, type RequestOutcome } from '../core/outcome.ts';
import type { RequestDescriptor } from '../core/request.ts';
import { isMapping } from './rule-file.ts';

/** One of two rule files that are compared. */
export interface DiffSide {
  /** Its rules. */
  readonly ruleSet: RuleSet;
  /** What the file says, with the variables of the environment as they are written, in the order of the rules. */
  readonly entries: readonly unknown[];
  /** Its lists of networks, likewise. */
  readonly networks: unknown;
}

/** A key of a rule that says something else. */
export interface KeyChange {
  /** The key. */
  readonly key: string;
  /** What it said; `undefined` when it was not there. Nothing of a credential. */
  readonly before: unknown;
  /** What it says; `undefined` when it is not there. */
  readonly after: unknown;
}

/** A host that is reached, and by which rules. */
export interface ReachedHost {
  /** The host; `*.` for any labels in front. */
  readonly host: string;
  /** The names of the rules. */
  readonly rules: readonly string[];
}

/** What comes and what goes. */
export interface Difference<T> {
  /** What is there now. */
  readonly added: readonly T[];
  /** What is there no more. */
  readonly removed: readonly T[];
}

/** A request that leads elsewhere. */
export interface DecisionChange {
  /** The method and the address. */
  readonly request: string;
  /** What it got. */
  readonly before: RequestOutcome;
  /** What it gets. */
  readonly after: RequestOutcome;
}

/** What two rule files do differently. */
export interface RuleDiff {
  /** The names of rules that came and went, and the keys of those that say something else. */
  readonly rules: Difference<string> & {
    readonly changed: readonly { readonly rule: string; readonly keys: readonly KeyChange[] }[];
  };
  /** The lists of networks that say something else. */
  readonly networks: readonly string[];
  /** The hosts that clients ask, which lead here. */
  readonly asked: Difference<ReachedHost>;
  /**
   * The hosts to which clients may be sent, as far as they are known: what a firewall has to let through. A host is
   * named even if only some of a rule's requests lead there.
   */
  readonly reached: Difference<ReachedHost>;
  /** The hosts that the gateway may ask. */
  readonly fetched: Difference<ReachedHost>;
  /** Literal names, and an example of each pattern, that lead elsewhere. */
  readonly decisions: readonly DecisionChange[];
}

/** What is needed besides the rules. */
export interface DiffOptions {
  /** The time of schedules, and the state of upstreams. */
  readonly circumstances: Circumstances;
  /**
   * The requests with which a client asks for a name at the mount of a rule, below it: `/simple/numpy/`. Default none,
   * so that only protocols are compared whose names are paths.
   */
  readonly requestsFor?: (rule: CompiledRule, name: string) => readonly string[];
}

/** Compares two rule files: their rules, the hosts that they lead to, and what becomes of examples. */
export function diffRules(before: DiffSide, after: DiffSide, options: DiffOptions): RuleDiff {
  return {
    rules: diffEntries(before, after),
    networks: diffKeys(before.networks, after.networks).map(({ key }) => key),
    asked: diffHosts(before.ruleSet, after.ruleSet, listAsked),
    reached: diffReached(before.ruleSet, after.ruleSet, options),
    fetched: diffHosts(before.ruleSet, after.ruleSet, listFetched),
    decisions: diffDecisions(before.ruleSet, after.ruleSet, options),
  };
}

interface Entry {
  readonly name: string;
  readonly named: boolean;
  readonly data: unknown;
  readonly content: string;
  readonly place: string;
}

function toEntries({ ruleSet, entries }: DiffSide): readonly Entry[] {
  return entries.map((data, order) => {
    const { name, ...rest } = isMapping(data) ? data : { name: undefined };
    const { host, at, protocol, match }: Readonly<Record<string, unknown>> = rest;
    return {
      name: ruleSet.rules[order]?.name ?? String(name),
      named: name !== undefined,
      data,
      content: canonical(rest),
      place: canonical([host, at, protocol, match]),
    };
  });
}

/** Pairs rules by their names; those without one, or with a new one, by what they say. */
function diffEntries(before: DiffSide, after: DiffSide): RuleDiff['rules'] {
  const old = new Set(toEntries(before));
  const fresh = new Set(toEntries(after));
  const pairs: (readonly [Entry, Entry])[] = [];
  const pair = (same: (a: Entry, b: Entry) => boolean): void => {
    for (const b of fresh) {
      const a = [...old].find((each) => same(each, b));
      if (!a) continue;
      pairs.push([a, b]);
      old.delete(a);
      fresh.delete(b);
    }
  };
  pair((a, b) => a.named && b.named && a.name === b.name);
  pair((a, b) => a.content === b.content);
  pair((a, b) => a.place === b.place);
  const changed = pairs
    .map(([a, b]) => ({ rule: b.name, keys: diffKeys(a.data, b.data) }))
    .filter(({ keys }) => keys.length > 0);
  return {
    added: [...fresh].map(({ name }) => name),
    removed: [...old].map(({ name }) => name),
    changed,
  };
}

function diffKeys(before: unknown, after: unknown): readonly KeyChange[] {
  const [a, b] = [before, after].map((data) => (isMapping(data) ? data : {}));
  const keys = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...keys]
    .filter((key) => canonical(a?.[key]) !== canonical(b?.[key]))
    .map((key) => ({ key, before: withoutSecrets(key, a?.[key]), after: withoutSecrets(key, b?.[key]) }));
}

/** The same text for the same data, in whatever order its keys are. */
function canonical(data: unknown): string {
  const sorted = (_: string, value: unknown): unknown =>
    isMapping(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
  return JSON.stringify(data, sorted) ?? '';
}

/** A credential is told to be there, and no more of it. */
function withoutSecrets(key: string, value: unknown): unknown {
  if (key === 'auth') return value === undefined || value === 'client' || value === 'ecr' ? value : '…';
  if (Array.isArray(value)) return value.map((item) => withoutSecrets('', item));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutSecrets(name, item)]));
}

type ListHosts = (rule: CompiledRule) => readonly string[];

function listAsked({ hosts }: CompiledRule): readonly string[] {
  return hosts;
}

/** Where clients may be sent: never beyond here with `mode: proxy`, and not to where they would lack a credential. */
function listReached({ mode, upstreams, protocol }: CompiledRule): readonly string[] {
  if (mode === 'proxy') return [];
  const isOpen = ({ authenticated }: CompiledUpstream): boolean => !authenticated || mode === 'redirect';
  return upstreams.flatMap((upstream) => [
    ...(isOpen(upstream) ? [upstream.host] : []),
    ...(protocol.leadsTo?.(upstream) ?? []),
  ]);
}

/** Options of a rule may say where clients are sent, too, which its examples tell. */
function diffReached(before: RuleSet, after: RuleSet, options: DiffOptions): Difference<ReachedHost> {
  const [old, fresh] = [before, after].map((ruleSet) =>
    gatherHosts(ruleSet, (rule) => [
      ...listReached(rule),
      ...listExamples(rule, options).flatMap((request) => {
        const outcome = findOutcome(ruleSet, request, options.circumstances);
        return outcome.type === 'redirect' && outcome.rule === rule.name
          ? (hostIn(outcome.address ?? '') ?? [])
          : [];
      }),
    ]),
  );
  return compareHosts(old ?? new Map(), fresh ?? new Map());
}

function listFetched({ upstreams }: CompiledRule): readonly string[] {
  return upstreams.flatMap(({ host, allow }) => [host, ...allow]);
}

function diffHosts(before: RuleSet, after: RuleSet, list: ListHosts): Difference<ReachedHost> {
  return compareHosts(gatherHosts(before, list), gatherHosts(after, list));
}

function compareHosts(
  old: ReadonlyMap<string, ReachedHost>,
  fresh: ReadonlyMap<string, ReachedHost>,
): Difference<ReachedHost> {
  return {
    added: [...fresh.values()].filter(({ host }) => !old.has(host)),
    removed: [...old.values()].filter(({ host }) => !fresh.has(host)),
  };
}

function gatherHosts({ rules }: RuleSet, list: ListHosts): ReadonlyMap<string, ReachedHost> {
  const hosts = new Map<string, { readonly host: string; readonly rules: string[] }>();
  for (const rule of rules) {
    for (const host of new Set(list(rule))) {
      const known = hosts.get(host);
      if (known) known.rules.push(rule.name);
      else hosts.set(host, { host, rules: [rule.name] });
    }
  }
  return hosts;
}

function diffDecisions(before: RuleSet, after: RuleSet, options: DiffOptions): readonly DecisionChange[] {
  const requests = new Map<string, RequestDescriptor>();
  for (const rule of [...before.rules, ...after.rules]) {
    for (const request of listExamples(rule, options)) requests.set(textOf(request), request);
  }
  return [...requests]
    .map(([request, descriptor]) => ({
      request,
      before: findOutcome(before, descriptor, options.circumstances),
      after: findOutcome(after, descriptor, options.circumstances),
    }))
    .filter((change) => canonical(change.before) !== canonical(change.after));
}

/** Requests for each pattern of a rule, or any name, on each of its hosts. */
function listExamples(rule: CompiledRule, { requestsFor }: DiffOptions): readonly RequestDescriptor[] {
  const hosts = rule.hosts.length > 0 ? rule.hosts : ['any.example'];
  const patterns = rule.match.length > 0 ? rule.match.map((pattern) => [pattern]) : [[]];
  const below = patterns.flatMap((match) => {
    const name = writeExample({ ...rule, match }).replace(/<\w+>/g, 'example');
    // Where every path is a name, one that a client asks for says more than any.
    const asked = requestsFor?.(rule, name) ?? [];
    if (rule.protocol.subjects === 'path') return asked.length === 0 || match.length > 0 ? [name] : asked;
    return asked.length === 0 && isItsPath(rule, name) ? [`/${name}`] : asked;
  });
  return hosts.flatMap((host) => below.map((path) => toRequest(rule, host, path)));
}

/** Whether a path that is nothing but a name asks for that name, as a short link does. */
function isItsPath({ protocol }: CompiledRule, name: string): boolean {
  const resource = protocol.parse({ method: 'GET', path: `/${name}` });
  return resource !== undefined && protocol.subject(resource) === name;
}

function toRequest({ at }: CompiledRule, host: string, below: string): RequestDescriptor {
  const mark = below.indexOf('?');
  return {
    method: 'GET',
    scheme: 'https',
    host: host.replace(/^\*/, 'any'),
    path: at.slice(0, -1) + (mark === -1 ? below : below.slice(0, mark)),
    query: mark === -1 ? undefined : below.slice(mark + 1),
  };
}

function textOf({ method, scheme, host, path, query }: RequestDescriptor): string {
  return `${method} ${scheme}://${host}${path}${query === undefined ? '' : `?${query}`}`;
}
