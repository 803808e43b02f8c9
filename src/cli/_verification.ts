import type { RuleSet } from '../core/compile.ts';

/** What is to be verified: that clients of a rule get the same from where it is to lead as from where it leads. */
export interface Question {
  /** The rules as they are; the rule leads to one upstream. */
  readonly before: RuleSet;
  /** The rules as they are to be, when all of the change is made. */
  readonly after: RuleSet;
  /** The name of the rule. */
  readonly rule: string;
}

/**
 * Verifies, and tells what it finds; gives whether everything is there and the same.
 *
 * @throws Error It cannot be verified.
 */
export type Verify = (question: Question, tell: (line: string) => void) => Promise<boolean>;

/** What verifies; none in this version. */
export const verification: Verify | undefined = undefined;
