/**
 * Regular expressions as `match`, on an engine whose time is linear in the text, so that no request can make it slow.
 *
 * @see https://github.com/google/re2/wiki/Syntax
 * @module
 */
import { RE2JS, RE2JSException } from 're2js';
import type { Expression } from '../core/expression.ts';
import { PatternError } from '../core/pattern.ts';

/** The longest expression, in characters. */
const MAX_LENGTH = 4096;

/**
 * Makes a `match` of a regular expression in RE2's syntax: `(?P<name>…)` or `(?<name>…)` for a variable, neither
 * back-references nor look-around. It must match the whole subject, as if it had `^` and `$`.
 *
 * @throws PatternError It is none.
 */
export function regexp(source: string): Expression {
  if (source.length > MAX_LENGTH) throw new PatternError(`it is longer than ${MAX_LENGTH} characters`);
  const pattern = compile(source);
  const names = Object.keys(pattern.namedGroups());
  if (names.includes('__proto__')) throw new PatternError('`__proto__` cannot be the name of a variable');
  return {
    source,
    names,
    exec(subject) {
      const matcher = pattern.matcher(subject);
      return matcher.matches() ? names.map((name) => matcher.group(name) ?? undefined) : undefined;
    },
  };
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    if (error instanceof RE2JSException) throw new PatternError(explain(error), { cause: error });
    throw error;
  }
}

function explain({ message }: Error): string {
  return message.replace(/^error parsing regexp: /, '').replace(/`/g, "'");
}
