import type { Path, RuleEntry } from '../rules/rule-file.ts';

/** A rule, and what it was made of. */
export interface Draft {
  /** The rule, under a name that others may have too. */
  readonly entry: RuleEntry;
  /** Finds what a place in it was made of, below the `rules` of what was converted. */
  trace(path: Path): Path;
}
