import type { IssueCode } from '../core/errors.ts';
import type { Path } from './rule-file.ts';

/** An issue before it has its position. */
export interface Mistake {
  /** The kind of mistake. */
  readonly code: IssueCode;
  /** Where it stands. */
  readonly path: Path;
  /** What is wrong and what to write instead. */
  readonly message: string;
  /** Whether it is the key that is wrong, and not its value. */
  readonly atKey?: boolean;
  /** Where it starts in the text, when the path does not tell. */
  readonly offset?: number;
}

/** The deepest place that data may have; `rules[0].to[0].auth.token` has a third of it. */
export const MAX_DEPTH = 20;

/** Writes words as a list for a sentence: `a`, `b` or `c`. */
export function listWords(words: readonly (string | number)[], last: 'or' | 'and'): string {
  const quoted = words.map((word) => `\`${word}\``);
  return quoted.length < 2 ? quoted.join() : `${quoted.slice(0, -1).join(', ')} ${last} ${quoted.at(-1)}`;
}
