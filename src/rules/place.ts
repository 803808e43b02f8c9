import type { Path } from './rule-file.ts';

/** Where a value stands in a text. */
export interface Place {
  /** The offset of the value. */
  readonly value: number;
  /** The offset of its key; absent in a list and at the root. */
  readonly key?: number | undefined;
  /** The place of what it has under a key or index. */
  child(key: string | number): Place | undefined;
}

/** Finds the offset of what a path leads to, or of the last thing on the way that exists. */
export function findOffset(root: Place, path: Path, atKey: boolean): number {
  let place = root;
  for (const key of path) {
    const child = place.child(key);
    if (!child) return place.value;
    place = child;
  }
  return atKey ? (place.key ?? place.value) : place.value;
}
