import type { CompiledRule, CompiledUpstream } from './compiled-rule.ts';
import type { Expression } from './expression.ts';
import { splitHost } from './host.ts';
import type { Elements } from './matcher.ts';
import type { PatternToken } from './pattern.ts';
import type { Protocol } from './protocol.ts';
import { createTrie, type Trie } from './trie.ts';

/** One alternative of one rule's pattern. */
export interface Leaf {
  /** The rule. */
  readonly rule: CompiledRule;
  /** The names of the captures, in their order. */
  readonly names: readonly string[];
  /** What the query must have. */
  readonly query: readonly QueryCondition[];
}

/** A query parameter that a pattern asks for. */
export interface QueryCondition {
  /** The parameter's name. */
  readonly key: string;
  /** The pattern of its value. */
  readonly elements: Elements;
  /** The names of the captures in it. */
  readonly names: readonly string[];
  /** Whether the parameter may be missing. */
  readonly optional: boolean;
}

/** A pattern's place in the index: its tokens, an expression, or `undefined` for every name. */
export type Pattern = readonly PatternToken[] | Expression | undefined;

/** The rules of one protocol on one mount of one host. */
export interface Group {
  /** The protocol. */
  readonly protocol: Protocol;
  /** The patterns. */
  readonly trie: Trie<Leaf>;
  /** Expressions, in the order of their rules. */
  readonly expressions: { readonly expression: Expression; readonly leaf: Leaf }[];
  /** Rules without a pattern. */
  readonly everything: Leaf[];
  /** The rule that resources of the whole mount follow: the first without a pattern, else the first. */
  whole: CompiledRule;
  /** The upstreams that want the client's own credential, each origin once. */
  readonly delegated: CompiledUpstream[];
}

/** The protocols of one mount; those whose paths can be nothing else come first, and those that read any path last. */
export interface Mount {
  /** The mount path, with a slash at both ends. */
  readonly at: string;
  /** The protocols. */
  readonly groups: Group[];
}

interface Host {
  root: Mount | undefined;
  readonly below: Map<string, Mount>;
  longest: number;
}

/** All rules, by host, mount, protocol and name. */
export interface RuleIndex {
  /** Adds one alternative of a rule's pattern; tells whether an earlier rule already has its place. */
  add(host: string | undefined, at: string, pattern: Pattern, leaf: Leaf): boolean;
  /**
   * Visits the mounts that a request falls on, the most specific host first and then the longest path, until `visit`
   * returns something.
   */
  find<R>(host: string, path: string, visit: (mount: Mount) => R | undefined): R | undefined;
}

/** Makes an empty index. */
export function createRuleIndex(): RuleIndex {
  const exact = new Map<string, Host>();
  const withPort = new Map<string, Host>();
  const wildcard = new Map<string, Host>();
  const any = createHost();

  function hostOf(host: string | undefined): Host {
    if (host === undefined) return any;
    if (host.startsWith('*.')) return ensure(wildcard, host.slice(1), createHost);
    return ensure(splitHost(host).port === undefined ? exact : withPort, host, createHost);
  }

  return {
    add(host, at, pattern, leaf) {
      const group = groupOf(mountOf(hostOf(host), at), leaf.rule);
      if (pattern && 'exec' in pattern) return addExpression(group, pattern, leaf);
      const fresh = [leaf];
      const leaves = pattern ? group.trie.leavesOf(pattern, fresh) : group.everything;
      return leaves !== fresh && addLeaf(leaves, leaf);
    },

    find(host, path, visit) {
      // Most clients send a name as it is here.
      const { name, port } = exact.has(host) ? { name: host, port: undefined } : splitHost(host);
      const ported = port === undefined || withPort.size === 0 ? undefined : withPort.get(`${name}:${port}`);
      let found = findMount(ported, path, visit) ?? findMount(exact.get(name), path, visit);
      for (
        let dot = wildcard.size > 0 ? name.indexOf('.') : -1;
        found === undefined && dot !== -1;
        dot = name.indexOf('.', dot + 1)
      ) {
        found = findMount(wildcard.get(name.slice(dot)), path, visit);
      }
      return found ?? findMount(any, path, visit);
    },
  };
}

function findMount<R>(
  host: Host | undefined,
  path: string,
  visit: (mount: Mount) => R | undefined,
): R | undefined {
  if (!host) return undefined;
  let slash = host.longest === 0 ? -1 : path.lastIndexOf('/', host.longest - 1);
  for (; slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const mount = host.below.get(path.slice(0, slash + 1));
    const found = mount && visit(mount);
    if (found !== undefined) return found;
  }
  return host.root && visit(host.root);
}

function createHost(): Host {
  return { root: undefined, below: new Map(), longest: 0 };
}

function mountOf(host: Host, at: string): Mount {
  if (at === '/') {
    host.root ??= { at, groups: [] };
    return host.root;
  }
  host.longest = Math.max(host.longest, at.length);
  return ensure(host.below, at, () => ({ at, groups: [] }));
}

function groupOf(mount: Mount, rule: CompiledRule): Group {
  const { protocol } = rule;
  let group = mount.groups.find((other) => other.protocol.name === protocol.name);
  if (!group) {
    group = { protocol, trie: createTrie(), expressions: [], everything: [], whole: rule, delegated: [] };
    mount.groups.push(group);
    mount.groups.sort((a, b) => turnOf(a) - turnOf(b));
  }
  if (rule.match.length === 0 && group.whole.match.length > 0) group.whole = rule;
  for (const upstream of rule.upstreams) {
    const { delegated, origin } = upstream;
    if (delegated && !group.delegated.some((other) => other.origin === origin))
      group.delegated.push(upstream);
  }
  return group;
}

/** What can be nothing else is asked first, what reads any path last: names before files. */
function turnOf({ protocol: { exclusive, general, subjects } }: Group): number {
  if (exclusive) return 0;
  if (!general) return 1;
  return subjects === 'name' ? 2 : 3;
}

/** Adds an expression behind the others; tells whether one of another rule is the same. */
function addExpression({ expressions }: Group, expression: Expression, leaf: Leaf): boolean {
  const taken = expressions.some((other) => other.expression.source === expression.source);
  expressions.push({ expression, leaf });
  return taken;
}

/** Adds a leaf behind those that ask as much of the query or more; tells whether another rule asks just the same. */
function addLeaf(leaves: Leaf[], leaf: Leaf): boolean {
  const key = queryKey(leaf);
  const taken = leaves.some((other) => other.rule !== leaf.rule && queryKey(other) === key);
  const place = leaves.findIndex((other) => compareLeaves(other, leaf) > 0);
  leaves.splice(place === -1 ? leaves.length : place, 0, leaf);
  return taken;
}

function queryKey({ query }: Leaf): string {
  if (query.length === 0) return '';
  return query
    .map(({ key, elements, optional }) => JSON.stringify([key, elements, optional]))
    .sort()
    .join();
}

/** More parameters come first, then more text in their values; the order of equals does not depend on who came first. */
function compareLeaves(a: Leaf, b: Leaf): number {
  const keys = [queryKey(a), queryKey(b)] as const;
  if (keys[0] === keys[1]) return 0;
  return countNeeded(b) - countNeeded(a) || countText(b) - countText(a) || (keys[0] < keys[1] ? -1 : 1);
}

function countNeeded({ query }: Leaf): number {
  return query.filter(({ optional }) => !optional).length;
}

function countText({ query }: Leaf): number {
  const texts = query.flatMap(({ elements }) => elements.filter((element) => typeof element === 'string'));
  return texts.reduce((sum, text) => sum + text.length, 0);
}

function ensure<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = create();
  map.set(key, value);
  return value;
}
