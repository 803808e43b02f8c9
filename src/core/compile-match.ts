import type { Report } from './errors.ts';
import { compileMatcher } from './matcher.ts';
import { flatten, listNames, parseTemplate } from './path.ts';
import { PatternError, type PatternToken } from './pattern.ts';
import type { Rule } from './rule.ts';
import type { QueryCondition } from './rule-index.ts';

/** A pattern, checked. */
export interface Match {
  /** The sequences that its optional groups make; `tokens` is `undefined` for a rule without a pattern. */
  readonly alternatives: readonly {
    readonly tokens: readonly PatternToken[] | undefined;
    readonly names: readonly string[];
  }[];
  /** What it asks of the query. */
  readonly query: readonly QueryCondition[];
  /** The names that every alternative has. */
  readonly always: ReadonlySet<string>;
  /** The names that only some alternatives have. */
  readonly sometimes: ReadonlySet<string>;
  /** The names that come from the query. */
  readonly fromQuery: ReadonlySet<string>;
  /** The name of the wildcard that every alternative ends with, if it does. */
  readonly rest: string | undefined;
}

const NONE: ReadonlySet<string> = new Set();

const EVERYTHING: Match = {
  alternatives: [{ tokens: undefined, names: [] }],
  query: [],
  always: NONE,
  sometimes: NONE,
  fromQuery: NONE,
  rest: undefined,
};

/** What a pattern that was refused is taken for; of its variables nothing is known. */
export const BROKEN: Match = { ...EVERYTHING };

/** Compiles the `match` of a rule; what is wrong is reported, and then the result is `BROKEN`. */
export function compileMatch({ match, protocol }: Rule, report: Report): Match {
  if (match === undefined) return EVERYTHING;
  const problem = findStartProblem(match, protocol.subjects);
  if (problem) {
    report('invalid_match', ['match'], problem);
    return BROKEN;
  }
  try {
    const [path, query] = splitQuery(match);
    return checkNames(join(path, compileQuery(query)), report);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    report('invalid_match', ['match'], `\`${match}\` is not a pattern: ${error.message}.`);
    return BROKEN;
  }
}

function findStartProblem(match: string, subjects: 'name' | 'path'): string | undefined {
  const slash = /^\{?\//.test(match);
  if (subjects === 'path' && !slash) return `The pattern is matched on the path; write \`/${match}\`.`;
  if (subjects === 'name' && slash)
    return `The pattern is matched on a name; write it without the slash: \`${match.replace('/', '')}\`.`;
  return match === '' ? 'The pattern is empty; leave `match` out for every name.' : undefined;
}

function join(path: string, query: readonly QueryCondition[]): Match {
  const sequences = flatten(parseTemplate(path));
  const alternatives = sequences.map((tokens) => ({ tokens, names: listNames(tokens) }));
  // Most patterns are names as they are.
  if (query.length === 0 && alternatives.every(({ names }) => names.length === 0))
    return { ...EVERYTHING, alternatives };
  for (const tokens of sequences) compileMatcher(tokens);
  const queryNames = query.flatMap(({ names }) => names);
  const [first = [], ...others] = alternatives.map(({ names }) => [...names, ...queryNames]);
  const always = toSet(first.filter((name) => others.every((list) => list.includes(name))));
  const last = sequences.map((tokens) => tokens.at(-1));
  const rest = last[0]?.type === 'wildcard' ? last[0].name : undefined;
  return {
    alternatives,
    query,
    always,
    sometimes:
      others.length === 0 ? NONE : toSet([first, ...others].flat().filter((name) => !always.has(name))),
    fromQuery: toSet(queryNames),
    rest: last.every((token) => token?.type === 'wildcard' && token.name === rest) ? rest : undefined,
  };
}

function toSet(names: readonly string[]): ReadonlySet<string> {
  return names.length === 0 ? NONE : new Set(names);
}

function checkNames(match: Match, report: Report): Match {
  const queryNames = match.query.flatMap(({ names }) => names);
  for (const { names } of match.alternatives) {
    const all = [...names, ...queryNames];
    const twice = all.find((name, index) => all.indexOf(name) !== index);
    if (twice === undefined) continue;
    report(
      'conflicting_parameter',
      ['match'],
      `The variable \`${twice}\` stands twice in this pattern; give each its own name.`,
    );
    break;
  }
  return match;
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
    return { key, elements, names: listNames(tokens) };
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
