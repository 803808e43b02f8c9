/** A regular expression as `match`, of an engine whose time is linear in the text: made by `turnout/regexp`. */
export interface Expression {
  /** The expression as written. */
  readonly source: string;
  /** The names of its groups. */
  readonly names: readonly string[];
  /**
   * The values of the named groups in a subject that it matches, whole or in part as it says; `undefined` for a group
   * that took no part. Never throws.
   */
  exec(subject: string): readonly (string | undefined)[] | undefined;
}
