import type { NetworkLists } from '../core/condition.ts';
import type { Credential } from '../core/credential.ts';
import type { RuleConfig, UpstreamConfig } from '../core/rule.ts';

/** A program that prints a credential, as a file has it. */
export interface CommandEntry {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** The name of the user whose password or token it prints. */
  readonly username?: string | undefined;
  /** How long that is good: a number with its unit, `45m`. */
  readonly lifetime?: string | undefined;
}

/** Amazon ECR, as a file has it. */
export interface EcrEntry {
  /** What the host of the upstream does not tell. */
  readonly ecr: {
    /** The region. */
    readonly region?: string | undefined;
  };
}

/** What the gateway proves itself with, as a file has it. */
export type AuthenticationEntry = Credential | 'client' | 'ecr' | EcrEntry | CommandEntry;

/** An upstream as a file has it. */
export interface UpstreamEntry extends Omit<UpstreamConfig, 'auth'> {
  /** What the gateway proves itself with there. */
  readonly auth?: AuthenticationEntry | undefined;
}

/** A rule as a file has it. */
export interface RuleEntry extends Omit<RuleConfig, 'auth' | 'to' | 'match' | 'syntax'> {
  /** The name of the protocol. */
  readonly protocol: string;
  /** Where the artifacts are: one upstream, or several in the order of fallback. */
  readonly to?: string | UpstreamEntry | readonly (string | UpstreamEntry)[] | undefined;
  /** The names; of a list any. Default every name. */
  readonly match?: string | readonly string[] | undefined;
  /** The syntax of `match`, and of `to` if it is `rfc6570`. Default path-to-regexp. */
  readonly syntax?: 'path-to-regexp' | 'rfc6570' | 'regexp' | undefined;
  /** What the gateway proves itself with at every upstream that has no `auth` of its own. */
  readonly auth?: AuthenticationEntry | undefined;
}

/** A rule file as data. */
export interface RuleFile {
  /** The address of the JSON Schema, for editors. */
  readonly $schema?: string | undefined;
  /** Lists of networks by name. */
  readonly networks?: NetworkLists | undefined;
  /** The rules. */
  readonly rules: readonly RuleEntry[];
}

/** Keys and indexes from the root of a rule file. */
export type Path = readonly (string | number)[];

/** Tells whether a value is a mapping. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Finds the value that a path leads to; `undefined` when there is none. */
export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)];
    return isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }, data);
}
