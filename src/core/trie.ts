import { type AffixIndex, createAffixIndex } from './affix-index.ts';
import { compileMatcher, type Elements, matchElements } from './matcher.ts';
import type { PatternToken } from './pattern.ts';

/** A pattern from its first wildcard's segment on. */
interface Tail<T> {
  readonly elements: Elements;
  readonly key: string;
  /** The text that it ends with, if any: most that do not match differ in it. */
  readonly ending: string;
  readonly rank: readonly [leadingText: number, text: number];
  readonly leaves: T[];
}

interface Node<T> {
  literals?: Map<string, Node<T>>;
  mixed?: AffixIndex<Node<T>>;
  param?: Node<T>;
  tails?: Tail<T>[];
  leaves?: T[];
}

/** A segment of a pattern. */
interface Segment {
  readonly elements: (string | Elements[number])[];
  wildcard: boolean;
}

/**
 * Patterns by their segments: a subject is looked up in time that depends on its length, and the most specific
 * pattern comes first: literal over variable within a segment over whole-segment variable over wildcard, segment by
 * segment.
 */
export interface Trie<T> {
  /**
   * The leaves of one pattern, in the order in which they were added; the caller adds to them. Those of a new pattern
   * are `fresh`.
   */
  leavesOf(tokens: readonly PatternToken[], fresh?: T[]): T[];
  /** Visits the leaves of the patterns that match, the most specific first, until `visit` returns something. */
  find<R>(subject: string, visit: (leaf: T, values: readonly string[]) => R | undefined): R | undefined;
}

/** Makes an empty trie. */
export function createTrie<T>(): Trie<T> {
  const literals = new Map<string, T[]>();
  const root: Node<T> = {};
  return {
    leavesOf(tokens, fresh = []) {
      const text = toText(tokens);
      if (text === undefined) return insert(root, splitSegments(tokens), 0, fresh);
      const leaves = literals.get(text);
      if (!leaves) literals.set(text, fresh);
      return leaves ?? fresh;
    },
    // Nothing is more specific than a pattern without variables.
    find: (subject, visit) => visitAll(literals.get(subject), [], visit) ?? walk(root, subject, 0, [], visit),
  };
}

/** The text of a pattern without variables; `undefined` for any other. */
function toText(tokens: readonly PatternToken[]): string | undefined {
  const [first] = tokens;
  if (first === undefined) return '';
  return first.type === 'text' && tokens.length === 1 ? first.value : undefined;
}

function insert<T>(node: Node<T>, segments: readonly Segment[], index: number, fresh: T[]): T[] {
  const segment = segments[index];
  if (!segment) {
    node.leaves ??= fresh;
    return node.leaves;
  }
  if (segment.wildcard) return insertTail(node, segments.slice(index), fresh);
  return insert(childOf(node, segment.elements), segments, index + 1, fresh);
}

function childOf<T>(node: Node<T>, elements: Elements): Node<T> {
  const [first = '', second] = elements;
  if (second !== undefined) {
    node.mixed ??= createAffixIndex();
    return node.mixed.ensure(elements, keyOf(elements), () => ({}));
  }
  if (typeof first !== 'string') {
    node.param ??= {};
    return node.param;
  }
  node.literals ??= new Map();
  const known = node.literals.get(first);
  if (known) return known;
  const child: Node<T> = {};
  node.literals.set(first, child);
  return child;
}

function insertTail<T>(node: Node<T>, segments: readonly Segment[], fresh: T[]): T[] {
  const elements = joinSegments(segments);
  const key = JSON.stringify(elements);
  node.tails ??= [];
  const known = node.tails.find((tail) => tail.key === key);
  if (known) return known.leaves;
  const [first] = elements;
  const text = elements.reduce((sum, element) => sum + (typeof element === 'string' ? element.length : 0), 0);
  const last = elements.at(-1);
  const ending = typeof last === 'string' ? last : '';
  const tail: Tail<T> = {
    elements,
    key,
    ending,
    rank: [typeof first === 'string' ? first.length : 0, text],
    leaves: fresh,
  };
  node.tails.push(tail);
  node.tails.sort((a, b) => b.rank[0] - a.rank[0] || b.rank[1] - a.rank[1] || (a.key < b.key ? -1 : 1));
  return tail.leaves;
}

/** Neighbouring texts are one, so that a match looks for all of it at once. */
function joinSegments(segments: readonly Segment[]): Elements {
  const joined: Elements[number][] = [];
  segments.forEach((segment, index) => {
    for (const element of index === 0 ? segment.elements : ['/', ...segment.elements]) {
      const last = joined.at(-1);
      if (typeof last === 'string' && typeof element === 'string') joined[joined.length - 1] = last + element;
      else joined.push(element);
    }
  });
  return joined;
}

function walk<T, R>(
  node: Node<T>,
  subject: string,
  from: number,
  values: string[],
  visit: (leaf: T, values: readonly string[]) => R | undefined,
): R | undefined {
  if (from > subject.length) return visitAll(node.leaves, values, visit);
  const slash = subject.indexOf('/', from);
  const end = slash === -1 ? subject.length : slash;
  if (node.literals) {
    const child = node.literals.get(subject.slice(from, end));
    const found = child && walk(child, subject, end + 1, values, visit);
    if (found !== undefined) return found;
  }
  if (node.mixed) {
    const found = node.mixed.find(subject, from, end, values, (child) =>
      walk(child, subject, end + 1, values, visit),
    );
    if (found !== undefined) return found;
  }
  if (node.param && end > from) {
    values.push(subject.slice(from, end));
    const found = walk(node.param, subject, end + 1, values, visit);
    if (found !== undefined) return found;
    values.pop();
  }
  return node.tails && visitTails(node.tails, subject, from, values, visit);
}

function visitTails<T, R>(
  tails: readonly Tail<T>[],
  subject: string,
  from: number,
  values: string[],
  visit: (leaf: T, values: readonly string[]) => R | undefined,
): R | undefined {
  const depth = values.length;
  for (const tail of tails) {
    if (!subject.endsWith(tail.ending)) continue;
    if (!matchElements(tail.elements, 0, subject, from, subject.length, values)) continue;
    const found = visitAll(tail.leaves, values, visit);
    if (found !== undefined) return found;
    values.length = depth;
  }
  return undefined;
}

function visitAll<T, R>(
  leaves: readonly T[] | undefined,
  values: readonly string[],
  visit: (leaf: T, values: readonly string[]) => R | undefined,
): R | undefined {
  for (const leaf of leaves ?? []) {
    const found = visit(leaf, values);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Cuts a pattern at its slashes. */
function splitSegments(tokens: readonly PatternToken[]): readonly Segment[] {
  const elements = compileMatcher(tokens);
  let current: Segment = { elements: [], wildcard: false };
  const segments = [current];
  elements.forEach((element, index) => {
    if (typeof element !== 'string') {
      current.elements.push(element);
      if (tokens[index]?.type === 'wildcard') current.wildcard = true;
      return;
    }
    element.split('/').forEach((text, piece) => {
      if (piece > 0) {
        current = { elements: [], wildcard: false };
        segments.push(current);
      }
      if (text !== '') current.elements.push(text);
    });
  });
  return segments;
}

/** Patterns of the same shape are the same pattern, whatever their variables are called. */
function keyOf(elements: Elements): string {
  return elements.map((element) => (typeof element === 'string' ? element : '\0')).join('\0');
}
