import { isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml';
import { isMapping } from './rule-file.ts';
import type { Splice } from './text-splice.ts';

/** The `to` of a rule in a text. */
export interface Spot {
  /** The text. */
  readonly text: string;
  /** Whether the text is JSON. */
  readonly json: boolean;
  /** The name of the rule. */
  readonly name: string;
  /** The node of `to`. */
  readonly node: Node;
  /** What it stands for. */
  readonly value: unknown;
  /** What a node has under a key or index, aliases followed. */
  child(node: Node, key: string | number): Node | undefined;
}

/** A way to write something. */
export interface Change {
  /** What is written where. */
  readonly splices: readonly Splice[];
  /** What `to` stands for then. */
  readonly value: unknown;
  /** The number of the upstream that is meant, from 0. */
  readonly upstream: number;
}

/** What is wanted. */
interface Wish {
  readonly to: string;
  readonly upstream?: number | undefined;
  readonly percent?: number | undefined;
}

/** An upstream as the file has it: an address, or a mapping with one. */
interface Entry {
  readonly node: Node;
  readonly value: unknown;
  readonly url: Node;
  readonly address: string;
  readonly weight: Node | undefined;
}

/**
 * Lists the ways to write a change, the one that keeps most of how it was written first. Whether a way is one depends on
 * what is around it, which is for the caller to find out.
 *
 * @throws Error It is not clear what is meant.
 */
export function listChanges(spot: Spot, wish: Wish): readonly Change[] {
  const { to, upstream, percent = 100 } = wish;
  const entries = readEntries(spot);
  if (upstream !== undefined) {
    if (percent < 100) throw new Error('Say either which upstream is replaced, or the part of the clients.');
    return replaceAt(spot, entries, upstream - 1, to);
  }
  const known = entries.findIndex(({ address }) => isSame(address, to));
  if (entries.length === 1) {
    if (known === 0) return [{ splices: [], value: spot.value, upstream: 0 }];
    return percent < 100 ? splitUp(spot, entries[0] as Entry, to, percent) : replaceAt(spot, entries, 0, to);
  }
  if (known === -1 || !entries.some(({ weight }) => weight))
    throw new Error(explainChoice(spot, entries, percent));
  const weights = shareOut(spot, entries, known, percent);
  return percent === 100 ? [...joinUp(spot, entries, known), ...weights] : weights;
}

function readEntries(spot: Spot): readonly Entry[] {
  const { node, value } = spot;
  const list = Array.isArray(value)
    ? value.map((item, index) => [spot.child(node, index), item] as const)
    : [[node, value] as const];
  return list.map(([item, data]) => {
    const isPlain = typeof data === 'string';
    const url = isPlain ? item : item && spot.child(item, 'url');
    const address = isPlain ? data : isMapping(data) ? data.url : undefined;
    if (!item || !url || typeof address !== 'string')
      throw new Error(`The rule \`${spot.name}\` has an upstream without an address.`);
    return {
      node: item,
      value: data,
      url,
      address,
      weight: isPlain ? undefined : spot.child(item, 'weight'),
    };
  });
}

/** Tells whether two texts are one address: https goes without saying, and so does a slash at the end. */
function isSame(a: string, b: string): boolean {
  const plain = (text: string): string => {
    const rest = text.startsWith('https://') ? text.slice('https://'.length) : text;
    return rest.endsWith('/') ? rest.slice(0, -1) : rest;
  };
  return plain(a) === plain(b);
}

function explainChoice({ name }: Spot, entries: readonly Entry[], percent: number): string {
  const list = entries.map(({ address }, index) => `\n  ${index + 1}  ${address}`).join('');
  const advice =
    percent < 100
      ? 'write weights by hand, or make it one upstream first'
      : 'say with --upstream which of them the address replaces, or name one of them whose share is to be all';
  return `The rule \`${name}\` has several upstreams; ${advice}:${list}`;
}

/** Replaces the address of an upstream. */
function replaceAt(spot: Spot, entries: readonly Entry[], index: number, to: string): readonly Change[] {
  const entry = entries[index];
  if (!entry)
    throw new Error(`The rule \`${spot.name}\` has ${entries.length} upstreams, and no number ${index + 1}.`);
  const item = typeof entry.value === 'string' ? to : { ...(entry.value as object), url: to };
  const value = Array.isArray(spot.value) ? spot.value.with(index, item) : item;
  return writeOver(spot, entry.url, to).map((splices) => ({ splices, value, upstream: index }));
}

/** The old address keeps its part, the new one gets the other; in one line, so that one line leads to one again. */
function splitUp(spot: Spot, entry: Entry, to: string, percent: number): readonly Change[] {
  const { node, value, address } = entry;
  const [start, end] = rangeOf(node);
  const added = { url: to, weight: percent };
  if (typeof value === 'string') {
    return listStyles(spot, node, address).flatMap((old) =>
      listStyles(spot, node, to).map((url) => ({
        splices: cover(
          spot,
          node,
          `[${writeEntry(spot, old, 100 - percent)}, ${writeEntry(spot, url, percent)}]`,
        ),
        value: [{ url: address, weight: 100 - percent }, added],
        upstream: 1,
      })),
    );
  }
  const last = isMap(node) ? node.items.at(-1)?.value : undefined;
  if (!last || entry.weight || (isMapping(value) && 'ramp' in value)) {
    throw new Error(
      `The \`to\` of \`${spot.name}\` cannot be split as it is; make it a list of two upstreams with weights by hand, and change them with --percent from then on.`,
    );
  }
  const split = [{ ...(value as object), weight: 100 - percent }, added];
  if (isMap(node) && !node.flow)
    return listStyles(spot, entry.url, to).map((url) => ({
      splices: splitLines(spot, node, url, percent),
      value: split,
      upstream: 1,
    }));
  const at = rangeOf(last as Node)[1];
  const weight = `, ${writeKey(spot, 'weight')}: ${100 - percent}`;
  return listStyles(spot, entry.url, to).map((url) => ({
    splices: [
      { start, end: start, text: '[' },
      { start: at, end: at, text: weight },
      { start: end, end, text: `, ${writeEntry(spot, url, percent)}]` },
    ],
    value: split,
    upstream: 1,
  }));
}

/** Makes a mapping in lines the first item of a list, further to the right, and adds the second. */
function splitLines({ text }: Spot, node: Node, url: string, percent: number): readonly Splice[] {
  const [start, end] = rangeOf(node);
  const last = start + text.slice(start, end).trimEnd().length;
  const indent = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  const lines = [...text.slice(start, last).matchAll(/\n(?=[^\r\n])/g)];
  const added = [`  weight: ${100 - percent}`, `- url: ${url}`, `  weight: ${percent}`];
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  return [
    { start, end: start, text: '- ' },
    ...lines.map(({ index }) => ({ start: start + index + 1, end: start + index + 1, text: '  ' })),
    { start: last, end: last, text: added.map((line) => lineEnd + indent + line).join('') },
  ];
}

/** Changes the weights of a split where they stand. */
function shareOut(spot: Spot, entries: readonly Entry[], known: number, percent: number): readonly Change[] {
  const shared = entries.flatMap((entry, index) => (entry.weight ? [index] : []));
  const others = shared.filter((index) => index !== known);
  if (!shared.includes(known) || others.length === 0 || (others.length > 1 && percent < 100))
    throw new Error(
      `The upstreams of \`${spot.name}\` are no split of two with weights; change their weights by hand.`,
    );
  const weights = new Map(others.map((index) => [index, 100 - percent] as const)).set(known, percent);
  const splices = [...weights].map(([index, weight]) => {
    const [start, end] = rangeOf(entries[index]?.weight as Node);
    return { start, end, text: String(weight) };
  });
  const value = entries.map((entry, index) =>
    weights.has(index) ? { ...(entry.value as object), weight: weights.get(index) } : entry.value,
  );
  return [{ splices, value, upstream: known }];
}

/** Makes a split that stands in brackets one upstream again. */
function joinUp(spot: Spot, entries: readonly Entry[], known: number): readonly Change[] {
  const { node: list, text } = spot;
  const { node, url, value, address, weight } = entries[known] as Entry;
  const isRest = entries.length !== 2 || !entries.every((entry) => entry.weight);
  if (isRest || !isSeq(list) || !list.flow || !isMap(node)) return [];
  const { weight: _, ...rest } = value as { readonly weight?: unknown };
  if (Object.keys(rest).length === 1) {
    const [start, end] = rangeOf(url);
    return [text.slice(start, end), JSON.stringify(address)].map((written) => ({
      splices: cover(spot, list, written),
      value: address,
      upstream: 0,
    }));
  }
  const before = node.items.at(-2)?.value;
  if (!before || node.items.at(-1)?.value !== weight) return [];
  const [start, end] = rangeOf(node);
  const written = text.slice(start, rangeOf(before as Node)[1]) + text.slice(rangeOf(weight as Node)[1], end);
  return [{ splices: cover(spot, list, written), value: rest, upstream: 0 }];
}

function writeEntry(spot: Spot, url: string, weight: number): string {
  return `{ ${writeKey(spot, 'url')}: ${url}, ${writeKey(spot, 'weight')}: ${weight} }`;
}

function writeKey({ json }: Spot, key: string): string {
  return json ? `"${key}"` : key;
}

/** The ways to write a text, first that of a node. */
function listStyles({ json }: Spot, like: Node, value: string): readonly string[] {
  const type = isScalar(like) ? like.type : undefined;
  const double = JSON.stringify(value);
  if (json || type === 'QUOTE_DOUBLE') return [double];
  return type === 'QUOTE_SINGLE' ? [`'${value.replaceAll("'", "''")}'`, double] : [value, double];
}

/** The ways to write a text over a node. */
function writeOver(spot: Spot, node: Node, value: string): readonly (readonly Splice[])[] {
  const styles = listStyles(spot, node, value).map((written) => cover(spot, node, written));
  if (!isBlock(node)) return styles;
  const { contentStart, contentEnd } = readBlock(spot, node);
  return [[{ start: contentStart, end: contentEnd, text: value }], ...styles];
}

/** Writes over a node. Of a block of lines the comment behind its `|` or `>` stays. */
function cover(spot: Spot, node: Node, written: string): readonly Splice[] {
  const [start, end] = rangeOf(node);
  if (!isBlock(node)) return [{ start, end, text: written }];
  const { headerEnd, lineEnd, contentEnd } = readBlock(spot, node);
  return [
    { start, end: headerEnd, text: written },
    { start: lineEnd, end: contentEnd, text: '' },
  ];
}

function isBlock(node: Node): node is Scalar {
  return isScalar(node) && (node.type === 'BLOCK_FOLDED' || node.type === 'BLOCK_LITERAL');
}

/** YAML 1.2 §8.1: the header and its comment in a line, then the content. */
function readBlock({ text }: Spot, node: Node) {
  const [start, end] = rangeOf(node);
  const source = text.slice(start, end);
  const [line = ''] = source.split(/\r?\n/, 1);
  const [header = ''] = line.split(/[ \t]/, 1);
  const content = source.slice(line.length);
  return {
    headerEnd: start + header.length,
    lineEnd: start + line.length,
    contentStart: start + line.length + content.length - content.trimStart().length,
    contentEnd: start + line.length + content.trimEnd().length,
  };
}

function rangeOf({ range }: Node): readonly [start: number, end: number] {
  return [range?.[0] ?? 0, range?.[1] ?? 0];
}
