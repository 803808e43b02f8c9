import type { Report } from './errors.ts';
import type { Expression } from './expression.ts';
import { compileMatcher } from './matcher.ts';
import { flatten, listNames, parseTemplate } from './path.ts';
import { PatternError, type PatternToken, type TemplateToken } from './pattern.ts';
import type { Rule } from './rule.ts';
import type { Pattern, QueryCondition } from './rule-index.ts';
import { parseUriTemplate, type UriParameter } from './uri-template.ts';

/** A pattern, checked. */
export interface Match {
  /** The patterns as written; empty for every name. */
  readonly sources: readonly string[];
  /** The sequences that its patterns and their optional groups make. */
  readonly alternatives: readonly Alternative[];
  /** The names that every alternative has. */
  readonly always: ReadonlySet<string>;
  /** The names that only some alternatives have. */
  readonly sometimes: ReadonlySet<string>;
  /** The names that come from the query. */
  readonly fromQuery: ReadonlySet<string>;
  /** The name of the wildcard that every alternative ends with, if it does. */
  readonly rest: string | undefined;
}

/** One of the forms that a pattern has. */
export interface Alternative {
  /** The pattern without optional groups; `undefined` for every name. */
  readonly pattern: Pattern;
  /** The names of its variables. */
  readonly names: readonly string[];
  /** What it asks of the query. */
  readonly query: readonly QueryCondition[];
}

const NONE: ReadonlySet<string> = new Set();

const EVERYTHING: Match = {
  sources: [],
  alternatives: [{ pattern: undefined, names: [], query: [] }],
  always: NONE,
  sometimes: NONE,
  fromQuery: NONE,
  rest: undefined,
};

/** What a pattern that was refused is taken for; of its variables nothing is known. */
export const BROKEN: Match = { ...EVERYTHING };

/** Compiles the `match` of a rule; what is wrong is reported, and then the result is `BROKEN`. */
export function compileMatch(rule: Rule, report: Report): Match {
  const { protocol, options = {} } = rule;
  const match = rule.match ?? protocol.patterns?.(options);
  if (match === undefined) return EVERYTHING;
  if (typeof match === 'object' && 'exec' in match) return ofExpression(match);
  const list = typeof match === 'string' ? [match] : match;
  if (list.length === 0)
    report('invalid_match', ['match'], 'The list of patterns is empty; leave `match` out for every name.');
  const alternatives = list.map((text, index) => {
    const own = rule.match === undefined ? ['options'] : ['match', index];
    const key = typeof match === 'string' ? ['match'] : own;
    const syntax = rule.match === undefined ? undefined : rule.syntax;
    return compilePattern(text, syntax, protocol.subjects, key, report);
  });
  if (list.length === 0 || alternatives.includes(undefined)) return BROKEN;
  return join(
    list,
    alternatives.flatMap((some) => some ?? []),
  );
}

/** The groups of an expression have values, if only empty ones, whenever it matches. */
function ofExpression(expression: Expression): Match {
  const { names, source } = expression;
  return {
    ...EVERYTHING,
    sources: [source],
    alternatives: [{ pattern: expression, names, query: [] }],
    always: toSet(names),
  };
}

function compilePattern(
  text: string,
  syntax: Rule['syntax'],
  subjects: 'name' | 'path',
  key: readonly (string | number)[],
  report: Report,
): readonly Alternative[] | undefined {
  const problem = findStartProblem(text, subjects);
  if (problem) {
    report('invalid_match', key, problem);
    return undefined;
  }
  try {
    const alternatives = syntax === 'rfc6570' ? readUriTemplate(text) : readTemplate(text);
    // In RFC 6570 a variable that stands twice has one value.
    if (syntax !== 'rfc6570') checkNames(alternatives, key, report);
    return alternatives;
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    report('invalid_match', key, `\`${text}\` is not a pattern: ${error.message}.`);
    return undefined;
  }
}

function findStartProblem(match: string, subjects: 'name' | 'path'): string | undefined {
  // RFC 6570 writes a slash that comes with its variable as `{/name}`.
  const slash = /^\{?\//.test(match);
  if (subjects === 'path' && !slash) return `The pattern is matched on the path; write \`/${match}\`.`;
  if (subjects === 'name' && slash)
    return `The pattern is matched on a name; write it without the slash: \`${match.replace('/', '')}\`.`;
  return match === '' ? 'The pattern is empty; leave `match` out for every name.' : undefined;
}

function readTemplate(text: string): readonly Alternative[] {
  const [path, query] = splitQuery(text);
  return toAlternatives(parseTemplate(path), compileQuery(query));
}

function readUriTemplate(text: string): readonly Alternative[] {
  const { path, query } = parseUriTemplate(text);
  return toAlternatives(path, query.map(compileParameter));
}

function toAlternatives(
  path: readonly TemplateToken[],
  query: readonly QueryCondition[],
): readonly Alternative[] {
  return flatten(path).map((pattern) => {
    const names = listNames(pattern);
    if (names.length > 0) compileMatcher(pattern);
    return { pattern, names, query };
  });
}

function join(sources: readonly string[], alternatives: readonly Alternative[]): Match {
  // Most patterns are names as they are.
  if (alternatives.every(({ names, query }) => names.length === 0 && query.length === 0))
    return { ...EVERYTHING, sources, alternatives };
  const lists = alternatives.map(({ names, query }) => ({
    all: [...names, ...query.flatMap((condition) => condition.names)],
    sure: [...names, ...query.flatMap((condition) => (condition.optional ? [] : condition.names))],
  }));
  const [first, ...others] = lists;
  const always = toSet((first?.sure ?? []).filter((name) => others.every(({ sure }) => sure.includes(name))));
  const last = alternatives.map(({ pattern }) => lastOf(pattern));
  const rest = last[0]?.type === 'wildcard' ? last[0].name : undefined;
  return {
    sources,
    alternatives,
    always,
    sometimes: toSet(lists.flatMap(({ all }) => all).filter((name) => !always.has(name))),
    fromQuery: toSet(alternatives.flatMap(({ query }) => query.flatMap(({ names }) => names))),
    rest: last.every((token) => token?.type === 'wildcard' && token.name === rest) ? rest : undefined,
  };
}

function lastOf(pattern: Pattern): PatternToken | undefined {
  return pattern && !('exec' in pattern) ? pattern.at(-1) : undefined;
}

function toSet(names: readonly string[]): ReadonlySet<string> {
  return names.length === 0 ? NONE : new Set(names);
}

function checkNames(
  alternatives: readonly Alternative[],
  key: readonly (string | number)[],
  report: Report,
): void {
  for (const { names, query } of alternatives) {
    const all = [...names, ...query.flatMap((condition) => condition.names)];
    const twice = all.find((name, index) => all.indexOf(name) !== index);
    if (twice === undefined) continue;
    report(
      'conflicting_parameter',
      key,
      `The variable \`${twice}\` stands twice in this pattern; give each its own name.`,
    );
    break;
  }
}

/** A parameter of an RFC 6570 template. */
function compileParameter({ key, value, optional }: UriParameter): QueryCondition {
  return { key, elements: compileMatcher(value), names: listNames(value), optional };
}

/** Splits a pattern at its first `?` that is not escaped or quoted. */
function splitQuery(match: string): readonly [path: string, query: string | undefined] {
  const [path = ''] = /^(?:\\.|"(?:\\.|[^"\\])*"|[^?])*/.exec(match) ?? [];
  return [path, path.length < match.length ? match.slice(path.length + 1) : undefined];
}

/** Reads `version=:version&os=linux`: what the parameters must be, in any order. */
function compileQuery(query: string | undefined): readonly QueryCondition[] {
  return (query?.split('&') ?? []).map((parameter) => {
    const [name = '', ...value] = parameter.split('=');
    const key = compileKey(name);
    const [tokens = [], more] = flatten(parseTemplate(value.join('=')));
    if (more) throw new PatternError('a query parameter cannot have an optional group');
    // A value has no segments, so that a variable in it may stand for slashes too.
    const elements = compileMatcher(
      tokens.map((token) => (token.type === 'param' ? { ...token, type: 'wildcard' } : token)),
    );
    return { key, elements, names: listNames(tokens), optional: false };
  });
}

function compileKey(text: string): string {
  if (text === '')
    throw new PatternError('a query parameter has no name; for a part that may be missing write `{…}`');
  const [key, ...more] = parseTemplate(text);
  if (key?.type !== 'text' || more.length > 0)
    throw new PatternError('the name of a query parameter cannot be a variable');
  return key.value;
}
