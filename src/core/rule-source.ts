import type { RuleSet } from './compile.ts';

/** Where rules come from, and how their changes arrive: whoever serves reads `current` anew for each request. */
export interface RuleSource {
  /** The rules in force: another object after each change, never a changed one. */
  readonly current: RuleSet;
  /** A short name of what is in force, such as the beginning of a hash, for logs and metrics. */
  readonly revision?: string | undefined;
}
