import type { RuleSet } from './compile.ts';

/** Where rules come from when they may change while requests run; the set is always whole and always there. */
export interface RuleSource {
  /** The set that serves now. */
  readonly current: RuleSet;
  /** What tells this set from others: a hash of where it came from. */
  readonly revision?: string;
}
