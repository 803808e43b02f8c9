import type { IssueCode } from '../core/errors.ts';
import { MAX_DEPTH, type Mistake } from './mistake.ts';
import { isMapping, type Path } from './rule-file.ts';

/** Names and values, as the environment of a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Text of a rule file that stands for something else. */
export interface Expansion {
  /** The text as written. */
  readonly source: string;
  /** What it stands for. */
  readonly value: string;
  /** The variables in it, with their values. */
  readonly variables: ReadonlyMap<string, string>;
}

/** What was expanded, by the index of the rule that it stands in. */
export type Expansions = ReadonlyMap<string | number | undefined, readonly Expansion[]>;

/** Data with the values of its variables. */
export interface Expanded {
  /** The data. */
  readonly data: unknown;
  /** What was expanded. */
  readonly expansions: Expansions;
  /** What is wrong with the variables. */
  readonly mistakes: readonly Mistake[];
}

/** `${NAME}`, `$${NAME}`, and the beginnings of what shells have besides: `${NAME:-`, `${NAME?`. */
const VARIABLE = /(\$?)\$\{([A-Za-z_]\w*)(\}|:?[-=?+])/g;

/**
 * Replaces `${NAME}` in text by the variable of the environment; `$${NAME}` stands for `${NAME}` itself.
 *
 * Data that is nested too deeply, or has more values than the `limit` because of what aliases stand for, is a mistake.
 */
export function expandVariables(data: unknown, env: Environment, limit: number): Expanded {
  const expansions = new Map<string | number | undefined, Expansion[]>();
  const mistakes: Mistake[] = [];
  let size = 0;
  function visit(value: unknown, path: Path): unknown {
    if (size++ > limit || path.length > MAX_DEPTH) {
      if (mistakes.at(-1)?.code !== 'invalid_syntax') mistakes.push(explainLimit(path));
      return undefined;
    }
    if (typeof value === 'string' && value.includes('${')) {
      const expansion = expand(value, env, (code, message) => mistakes.push({ code, path, message }));
      const others = expansions.get(path[1]);
      if (others) others.push(expansion);
      else expansions.set(path[1], [expansion]);
      return expansion.value;
    }
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]));
    if (!isMapping(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]));
  }
  return { data: visit(data, []), expansions, mistakes };
}

function expand(
  source: string,
  env: Environment,
  report: (code: IssueCode, message: string) => void,
): Expansion {
  const variables = new Map<string, string>();
  const value = source.replace(VARIABLE, (match, dollar: string, name: string, end: string) => {
    if (dollar) return match.slice(1);
    const known = Object.hasOwn(env, name) ? env[name] : undefined;
    if (end !== '}') report('invalid_value', explainDefault(name));
    else if (known === undefined) report('missing_variable', explainMissing(name));
    else variables.set(name, known);
    return variables.get(name) ?? match;
  });
  return { source, value, variables };
}

function explainMissing(name: string): string {
  return `The environment has no variable \`${name}\`; set it where Turnout is started, or write \`$\${${name}}\` if this is meant as text.`;
}

function explainDefault(name: string): string {
  return `A variable has no default here; write \`\${${name}}\` and set \`${name}\` where Turnout is started.`;
}

function explainLimit(path: Path): Mistake {
  const message =
    path.length > MAX_DEPTH
      ? 'This is nested too deeply for a rule file.'
      : 'The aliases of this file stand for more than the whole file has; write the values out.';
  return { code: 'invalid_syntax', path: path.slice(0, MAX_DEPTH), message };
}
