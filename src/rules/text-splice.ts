/** A piece of a text, and what stands in its place. */
export interface Splice {
  /** The offset where it starts. */
  readonly start: number;
  /** The offset behind its end. */
  readonly end: number;
  /** The new piece. */
  readonly text: string;
}

/** Replaces pieces of a text that do not overlap. */
export function splice(text: string, splices: readonly Splice[]): string {
  return splices
    .toSorted((a, b) => b.start - a.start)
    .reduce((rest, { start, end, text: piece }) => rest.slice(0, start) + piece + rest.slice(end), text);
}
