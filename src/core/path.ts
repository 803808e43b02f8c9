import { PathError, parse, type Token } from 'path-to-regexp';
import { compileMatcher, matchElements } from './matcher.ts';
import { PatternError, type PatternToken, type TemplateToken } from './pattern.ts';

/** The most alternatives that optional groups may multiply to, path-to-regexp's own limit. */
const MAX_ALTERNATIVES = 256;

/** The longest template, in characters; every step here recurses. */
const MAX_LENGTH = 4096;

// Visible ASCII that means itself: most templates are no more than that, and need no parsing.
const PLAIN = /^["-',-9;->@-Z^-z|~]*$/;
const SURROGATE = /\p{Surrogate}/u;

/**
 * Parses path-to-regexp 8 syntax: `:name`, `*rest`, `{optional}`; a `*` without a name is the variable `0`, `1`, ….
 *
 * Characters that a path never has raw (spaces, non-ASCII) are percent-encoded, as clients send them.
 *
 * @throws PatternError The text is not of that syntax.
 */
export function parseTemplate(text: string): readonly TemplateToken[] {
  if (text.length > MAX_LENGTH) throw new PatternError(`it is longer than ${MAX_LENGTH} characters`);
  if (PLAIN.test(text)) return text === '' ? [] : [{ type: 'text', value: text }];
  if (SURROGATE.test(text)) throw new PatternError('it has half of a character, a lone surrogate');
  try {
    return parse(nameWildcards(text), { encodePath: encodeText }).tokens.map(toToken);
  } catch (error) {
    if (error instanceof PathError) throw new PatternError(explainPathError(error), { cause: error });
    throw error;
  }
}

/**
 * Expands the optional groups of a template into every sequence without groups, the longest first.
 *
 * @throws PatternError There would be more than 256 of them.
 */
export function flatten(tokens: readonly TemplateToken[]): readonly (readonly PatternToken[])[] {
  if (tokens.every(isPatternToken)) return [joinText(tokens)];
  let sequences: (readonly PatternToken[])[] = [[]];
  for (const token of tokens) {
    const parts = token.type === 'group' ? [...flatten(token.tokens), []] : [[token]];
    sequences = sequences.flatMap((sequence) => parts.map((part) => [...sequence, ...part]));
    if (sequences.length > MAX_ALTERNATIVES)
      throw new PatternError('it has more than 256 combinations of optional groups');
  }
  return sequences.map(joinText);
}

const NO_NAMES: readonly string[] = [];

/** Lists the names of the variables in tokens, in their order. */
export function listNames(tokens: readonly TemplateToken[]): readonly string[] {
  const names: string[] = [];
  for (const token of tokens) {
    if (token.type === 'group') names.push(...listNames(token.tokens));
    else if (token.type !== 'text') names.push(token.name);
  }
  // A copy has no room for more, which rule sets would keep.
  return names.length === 0 ? NO_NAMES : [...names];
}

function isPatternToken(token: TemplateToken): token is PatternToken {
  return token.type !== 'group';
}

/** Neighbouring texts as one. */
function joinText(tokens: readonly PatternToken[]): readonly PatternToken[] {
  const joined: PatternToken[] = [];
  for (const token of tokens) {
    const last = joined.at(-1);
    if (token.type === 'text' && last?.type === 'text')
      joined[joined.length - 1] = { type: 'text', value: last.value + token.value };
    else joined.push(token);
  }
  return joined;
}

/** Gives wildcards without a name their number as a name, which path-to-regexp 8 demands. */
function nameWildcards(text: string): string {
  let count = 0;
  // Escapes and quoted names are passed over.
  return text.replace(/\\.|[:*]"(?:\\.|[^"\\])*"|\*(?![$_\p{ID_Start}"])/gu, (part) =>
    part === '*' ? `*"${count++}"` : part,
  );
}

function toToken(token: Token): TemplateToken {
  if (token.type === 'group') return { type: 'group', tokens: token.tokens.map(toToken) };
  // The values are properties of plain objects.
  if (token.type !== 'text' && token.name === '__proto__') {
    throw new PatternError('`__proto__` cannot be the name of a variable');
  }
  return token;
}

/** What RFC 3986 does not allow raw in a path, percent-encoded; existing escapes stay. */
function encodeText(text: string): string {
  return text.replace(/[^\x21-\x7e]+/gu, encodeURIComponent);
}

function explainPathError(error: PathError): string {
  const reserved = /^Unexpected ([()[\]+?!}])/.exec(error.message)?.[1];
  const text = error.message.replace(/: .*|; visit.*/su, '');
  return reserved
    ? `\`${reserved}\` has a meaning of its own here; write \`\\${reserved}\` for the character`
    : text;
}

/** A path with variables that can be read and written. */
export interface PathCodec<P extends Record<string, string>> {
  /** Reads a path; `undefined` when it has another form. The values are the bytes of the path. */
  read(path: string): P | undefined;
  /** Writes a path. */
  write(params: P): string;
}

/**
 * Makes the codec of a path pattern without optional groups.
 *
 * Exact in case and slashes; nothing is decoded or encoded.
 *
 * @throws PatternError The pattern is not of path-to-regexp's syntax.
 */
export function definePath<P extends Record<string, string>>(pattern: string): PathCodec<P> {
  const tokens = flatten(parseTemplate(pattern))[0] ?? [];
  const matcher = compileMatcher(tokens);
  const names = listNames(tokens);
  return {
    read(path) {
      const values: string[] = [];
      if (!matchElements(matcher, 0, path, 0, path.length, values)) return undefined;
      return Object.fromEntries(names.map((name, index) => [name, values[index]])) as P;
    },
    write(params) {
      return tokens.map((token) => (token.type === 'text' ? token.value : params[token.name])).join('');
    },
  };
}
