/** A part of a pattern: text, or a variable that stands for one segment's worth (`param`) or for more (`wildcard`). */
export type PatternToken =
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'param'; readonly name: string }
  | { readonly type: 'wildcard'; readonly name: string };

/** A pattern or template as parsed; `{…}` is an optional group. */
export type TemplateToken =
  | PatternToken
  | { readonly type: 'group'; readonly tokens: readonly TemplateToken[] };

/** A pattern that path-to-regexp does not read. */
export class PatternError extends Error {
  /** The name, by which other copies of this package know it too. */
  override readonly name = 'PatternError';
}
