import type { RuleConfig } from '../core/rule.ts';

/** A rule as a file has it. */
export interface RuleEntry extends RuleConfig {
  /** The name of the protocol. */
  readonly protocol: string;
}

/** A rule file as data. */
export interface RuleFile {
  /** The address of the JSON Schema, for editors. */
  readonly $schema?: string | undefined;
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
