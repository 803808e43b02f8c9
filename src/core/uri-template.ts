import { PatternError, type PatternToken, type TemplateToken } from './pattern.ts';

/** A template of RFC 6570, read as far as requests can be matched on it. */
export interface UriTemplate {
  /** The path. */
  readonly path: readonly TemplateToken[];
  /** The parameters of the query, in their order. */
  readonly query: readonly UriParameter[];
}

/** A parameter of a template's query. */
export interface UriParameter {
  /** The name. */
  readonly key: string;
  /** The value. */
  readonly value: readonly PatternToken[];
  /** Whether it is written as `{?name}` or `{&name}`, and left out with its variable. */
  readonly optional: boolean;
}

/** The longest template, in characters. */
const MAX_LENGTH = 4096;

/** RFC 6570 §2.3 without dots, which nothing else here has in a name. */
const NAME = /^\w+$/;

/** RFC 6570 §2.1: what a literal cannot be. */
const NO_LITERAL = /[\s"'<>\\^`|}]|%(?![\dA-Fa-f]{2})/;

/** What stands before each value by operator; the values of `+` may have slashes (RFC 6570 §3.2.3 to §3.2.6). */
const SEPARATORS: Readonly<Record<string, string>> = { '': ',', '+': ',', '/': '/', '.': '.' };

/**
 * Parses an RFC 6570 template: `{x}` for a segment or a part of one, `{+x}` for more, `{/x}`, `{.x}`, and `{?x}` and
 * `{&x}` for parameters of the query that may be missing.
 *
 * @throws PatternError It is none, or one that cannot be matched: `{x*}`, `{x:3}`, `{#x}`, `{;x}`.
 */
export function parseUriTemplate(text: string): UriTemplate {
  if (text.length > MAX_LENGTH) throw new PatternError(`it is longer than ${MAX_LENGTH} characters`);
  const optional: UriParameter[] = [];
  const rest = text.replace(/\{[?&]([^{}]*)\}/g, (_, list: string) => {
    for (const name of readNames(list))
      optional.push({ key: name, value: [{ type: 'wildcard', name }], optional: true });
    return '';
  });
  const [path = '', ...more] = rest.split('?');
  const parameters = more.join('?').split('&').filter(Boolean).map(parseParameter);
  return { path: parseTokens(path), query: [...parameters, ...optional] };
}

/** Joins a query template to one text of tokens; what is optional is a group. */
export function joinParameters(query: readonly UriParameter[]): readonly TemplateToken[] {
  return query.flatMap(({ key, value, optional }, index): readonly TemplateToken[] => {
    const tokens: TemplateToken[] = [{ type: 'text', value: `${index === 0 ? '' : '&'}${key}=` }, ...value];
    return optional ? [{ type: 'group', tokens }] : tokens;
  });
}

function parseParameter(text: string): UriParameter {
  const [key = '', ...value] = text.split('=');
  if (key.includes('{')) throw new PatternError('the name of a query parameter cannot be a variable');
  // A value has no segments, so that a variable in it may stand for slashes too.
  const tokens = parseTokens(value.join('=')).map(
    (token): PatternToken => (token.type === 'param' ? { ...token, type: 'wildcard' } : token),
  );
  return { key: encodeLiteral(key), value: tokens, optional: false };
}

function parseTokens(text: string): readonly PatternToken[] {
  const parts = text.match(/\{[^{}]*\}|[^{}]+|[{}]/g) ?? [];
  return parts.flatMap((part): readonly PatternToken[] => {
    if (part === '{' || !part.startsWith('{')) return [{ type: 'text', value: encodeLiteral(part) }];
    return parseExpression(part);
  });
}

function parseExpression(part: string): readonly PatternToken[] {
  const [, operator = '', list = ''] = /^\{([+#./;=,!@|]?)([^{}]*)\}$/.exec(part) ?? [];
  const separator = SEPARATORS[operator];
  if (separator === undefined)
    throw new PatternError(`\`{${operator}…}\` cannot be matched; write \`{name}\` or \`{+name}\``);
  return readNames(list).flatMap((name, index): readonly PatternToken[] => {
    const first = index === 0 && (operator === '' || operator === '+');
    const variable = { type: operator === '+' ? 'wildcard' : 'param', name } as const;
    return first ? [variable] : [{ type: 'text', value: separator }, variable];
  });
}

function readNames(list: string): readonly string[] {
  const names = list.split(',');
  for (const name of names) {
    if (/[*:]/.test(name))
      throw new PatternError(`\`${name}\` has a modifier, which cannot be matched; leave it out`);
    if (!NAME.test(name) || name === '__proto__')
      throw new PatternError(`\`${name}\` cannot be the name of a variable; write letters, digits and \`_\``);
  }
  return names;
}

/** What RFC 3986 does not allow raw, percent-encoded (RFC 6570 §3.1). */
function encodeLiteral(text: string): string {
  const problem = NO_LITERAL.exec(text)?.[0] ?? /[{]/.exec(text)?.[0];
  if (problem) throw new PatternError(`\`${problem}\` must be percent-encoded`);
  return text.replace(/[^\x21-\x7e]+/gu, encodeURIComponent);
}
