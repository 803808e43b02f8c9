import { isDeepStrictEqual } from 'node:util';
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { suggest } from '../core/suggest.ts';
import { readJson } from './json-text.ts';
import { isMapping, valueAt } from './rule-file.ts';
import { listChanges, type Spot } from './target-changes.ts';
import { splice } from './text-splice.ts';
import { readYaml, YAML_OPTIONS } from './yaml-text.ts';

/** What is to become of the upstreams of a rule. */
export interface TargetChange {
  /** The new address, as it stands under `to`. */
  readonly to: string;
  /** Which upstream of several is replaced, from 1. */
  readonly upstream?: number | undefined;
  /** The part of the clients that the address gets, from 1 to 100. Default all of them. */
  readonly percent?: number | undefined;
}

/** A text of which one `to` was changed. */
export interface EditedTarget {
  /** The new text; every byte but those of the value is the old one's. */
  readonly text: string;
  /** The position of the rule, from 0. */
  readonly rule: number;
  /** The number of the upstream that the address now is, from 0. */
  readonly upstream: number;
  /** The first line that is another, from 1. */
  readonly line: number;
  /** The lines that were there. */
  readonly before: readonly string[];
  /** The lines in their place. */
  readonly after: readonly string[];
}

/**
 * Changes the `to` of a rule in the text of a rule file, and nothing else: comments, quotes, indentation and line ends
 * stay, and so does what every other key stands for. With `percent`, `to` becomes a split on its line.
 *
 * @throws Error There is no such rule, or its `to` cannot be changed without changing something else.
 */
export function editTarget(source: string, name: string, change: TargetChange): EditedTarget {
  const mark = source.startsWith('\uFEFF') ? '\uFEFF' : '';
  const text = source.slice(mark.length);
  const json = /^\s*\{/.test(text) && readJson(text) !== undefined;
  const data = read(text);
  const document = parseDocument(text, YAML_OPTIONS);
  const rule = findRule(data, name);
  const spot = toSpot(document, data, rule, name, text, json);
  for (const { splices, value, upstream } of listChanges(spot, change)) {
    const edited = splice(text, splices);
    if (isOnly(edited, withTarget(data, rule, value), json))
      return { text: mark + edited, rule, upstream, ...compareLines(text, edited) };
  }
  throw new Error(explainFailure(spot, name));
}

function read(text: string): unknown {
  const { data, mistakes } = readYaml(text);
  if (mistakes[0]) throw new Error(`The rules cannot be read: ${mistakes[0].message}`);
  return data;
}

function findRule(data: unknown, name: string): number {
  const rules = isMapping(data) && Array.isArray(data.rules) ? (data.rules as readonly unknown[]) : [];
  const names = rules.map((rule, order) =>
    isMapping(rule) && typeof rule.name === 'string' ? rule.name : `rules[${order}]`,
  );
  const order = names.indexOf(name);
  if (order !== -1) return order;
  if (names.length === 0) throw new Error('These are no rules of Turnout, of which one could be changed.');
  const near = suggest(name, names);
  const hint =
    near === undefined
      ? `there is ${names.map((each) => `\`${each}\``).join(', ')}.`
      : `did you mean \`${near}\`?`;
  throw new Error(`There is no rule \`${name}\`; ${hint}`);
}

function toSpot(
  document: Document,
  data: unknown,
  rule: number,
  name: string,
  text: string,
  json: boolean,
): Spot {
  const entry = child(child(document.contents, 'rules', document), rule, document);
  const node = memberOf(resolve(entry, document), 'to');
  const value = valueAt(data, ['rules', rule, 'to']);
  if (!node || value === undefined || value === null)
    throw new Error(`The rule \`${name}\` leads nowhere: it has no \`to\`.`);
  return { text, json, name, node, value, child: (of, key) => child(of, key, document) };
}

function resolve(node: Node | null | undefined, document: Document): Node | undefined {
  return (isAlias(node) ? node.resolve(document) : node) ?? undefined;
}

function child(node: Node | null | undefined, key: string | number, document: Document): Node | undefined {
  return memberOf(resolve(node, document), key);
}

function memberOf(node: Node | undefined, key: string | number): Node | undefined {
  if (isSeq(node)) return (node.items[Number(key)] as Node | undefined) ?? undefined;
  const pair = isMap(node)
    ? node.items.findLast(({ key: other }) => isScalar(other) && String(other.value) === key)
    : undefined;
  return (pair?.value as Node | null | undefined) ?? undefined;
}

/** The same data, of which one rule has another `to`. */
function withTarget(data: unknown, rule: number, to: unknown): unknown {
  const { rules, ...rest } = data as { readonly rules: readonly object[] };
  return { ...rest, rules: rules.map((entry, order) => (order === rule ? { ...entry, to } : entry)) };
}

/** Tells whether a text stands for these data; what is shared by an anchor would have changed elsewhere too. */
function isOnly(text: string, data: unknown, json: boolean): boolean {
  if (json) return isDeepStrictEqual(readJson(text), data);
  const { data: read, mistakes } = readYaml(text);
  return mistakes.length === 0 && isDeepStrictEqual(read, data);
}

function explainFailure({ text, node }: Spot, name: string): string {
  const line = text.slice(0, node.range?.[0]).split('\n').length;
  return `The \`to\` of \`${name}\` in line ${line} cannot be changed without changing something else, such as a rule that repeats it by an anchor; edit the line by hand.`;
}

function compareLines(before: string, after: string): Pick<EditedTarget, 'line' | 'before' | 'after'> {
  const [a, b] = [before.split(/\r?\n/), after.split(/\r?\n/)];
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  return { line: start + 1, before: a.slice(start, a.length - end), after: b.slice(start, b.length - end) };
}
