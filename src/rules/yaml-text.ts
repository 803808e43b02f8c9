import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  Parser,
  type YAMLMap,
} from 'yaml';
import { MAX_DEPTH, type Mistake } from './mistake.ts';
import type { Place } from './place.ts';
import type { Path } from './rule-file.ts';

/** YAML as read. */
export interface YamlText {
  /** The data; `undefined` when the text has mistakes of syntax. */
  readonly data: unknown;
  /** The place of its root. */
  readonly root: Place;
  /** What is wrong with it. */
  readonly mistakes: readonly Mistake[];
}

/** Each costs a search through the anchors. */
const MAX_ALIASES = 1000;

/** YAML 1.2, core schema. Equal keys are looked for here, where the time for it is not quadratic. */
export const YAML_OPTIONS = {
  version: '1.2',
  schema: 'core',
  resolveKnownTags: false,
  stringKeys: true,
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

/** What to write, by the code of the parser's error. */
const HINTS: Readonly<Record<string, string>> = {
  BAD_SCALAR_START: 'put the value in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'put a value that has a colon in quotes',
  NON_STRING_KEY: 'write a word as the key',
  TAB_AS_INDENT: 'indent with spaces',
  UNEXPECTED_TOKEN: 'put text with brackets, braces or quotes in quotes',
  TAG_RESOLVE_FAILED: 'put a value that starts with `!` in quotes',
};

const TOO_MANY_DOCUMENTS = ['A rule file is one document', 'leave `---` out here'] as const;
const TOO_DEEP = 'This is nested too deeply for a rule file';
const TOO_MANY_ALIASES = [`A rule file has ${MAX_ALIASES} aliases at most`, 'write the values out'] as const;

/** Reads YAML 1.2, and with it JSON. */
export function readYaml(text: string): YamlText {
  const parser = new Parser();
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    // What comes after the parser is recursive, and may end the process when the stack does.
    if (parser.stack.length > MAX_DEPTH) return fail([toMistake(parser.offset, TOO_DEEP)]);
  }
  tokens.push(...parser.end());
  const [document, second] = new Composer(YAML_OPTIONS).compose(tokens, true, text.length);
  if (!document) return fail([]);
  const found = inspect(document);
  const wrong = [
    ...[...document.errors, ...document.warnings].map(({ code, message, pos }) =>
      toMistake(pos[0], message, HINTS[code]),
    ),
    ...(second ? [toMistake(second.range[0], ...TOO_MANY_DOCUMENTS)] : []),
    ...found.mistakes.filter(({ code }) => code === 'invalid_syntax'),
  ];
  if (wrong.length > 0) return fail(wrong);
  const data: unknown = document.toJS({ maxAliasCount: -1 });
  return { data, root: toPlace(document.contents, found.targets), mistakes: found.mistakes };
}

function fail(mistakes: readonly Mistake[]): YamlText {
  return { data: undefined, root: toPlace(undefined, new Map()), mistakes };
}

function toMistake(offset: number, message: string, hint?: string): Mistake {
  const problem = message.replace('With stringKeys, all', 'All');
  return { code: 'invalid_syntax', path: [], offset, message: `${problem}${hint ? `; ${hint}` : ''}.` };
}

/** What is found in a document on the way through it. */
interface Findings {
  readonly mistakes: Mistake[];
  readonly anchors: Map<string, Node>;
  readonly targets: Map<Alias, Node>;
}

/** Looks for keys that stand twice and aliases that lead nowhere. */
function inspect({ contents }: Document): Findings {
  const found: Findings = { mistakes: [], anchors: new Map(), targets: new Map() };
  visit(contents, [], found);
  return found;
}

function visit(node: unknown, path: Path, found: Findings): void {
  if (isAlias(node)) follow(node, found);
  if (isMap(node)) visitMap(node, path, found);
  if (isSeq(node)) for (const [index, item] of node.items.entries()) visit(item, [...path, index], found);
  // Only now, so that nothing can be a part of itself.
  if (isNode(node) && !isAlias(node) && node.anchor) found.anchors.set(node.anchor, node);
}

function visitMap({ items }: YAMLMap, path: Path, found: Findings): void {
  const seen = new Set<string>();
  for (const { key, value } of items) {
    const name = nameOf(key);
    if (seen.has(name)) {
      const message = `The key \`${name}\` stands here twice; keep one of them.`;
      found.mistakes.push({ code: 'duplicate_key', path: [...path, name], offset: startOf(key), message });
    }
    seen.add(name);
    visit(key, path, found);
    visit(value, [...path, name], found);
  }
}

function follow(alias: Alias, { mistakes, anchors, targets }: Findings): void {
  const target = anchors.get(alias.source);
  if (target) targets.set(alias, target);
  else mistakes.push(toMistake(startOf(alias), ...explainAlias(alias.source)));
  if (targets.size === MAX_ALIASES + 1) mistakes.push(toMistake(startOf(alias), ...TOO_MANY_ALIASES));
}

function explainAlias(name: string): [message: string, hint: string] {
  return [
    `There is no anchor \`&${name}\` before this alias`,
    `if it is text, put it in quotes: \`"*${name}"\``,
  ];
}

function nameOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : '';
}

/** The offset where a node starts. */
function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function toPlace(node: unknown, targets: ReadonlyMap<Alias, Node>, key?: number): Place {
  const target = isAlias(node) ? targets.get(node) : node;
  const isEmpty = isNode(target) && target.range?.[0] === target.range?.[1];
  return {
    value: isEmpty && key !== undefined ? key : startOf(target),
    key,
    child(name) {
      if (isSeq(target) && Number(name) in target.items) return toPlace(target.items[Number(name)], targets);
      // The last of equal keys is the one whose value counts.
      const pair = isMap(target)
        ? target.items.findLast(({ key: other }) => nameOf(other) === name)
        : undefined;
      return pair && toPlace(pair.value, targets, startOf(pair.key));
    },
  };
}
