/** Remembers names, the latest of them. */
export interface Seen {
  /** Tells whether a name is new, and remembers it. */
  isNew(name: string): boolean;
}

/** Makes a memory for so many names; what was forgotten is looked at once more. */
export function createSeen(most = 50_000): Seen {
  let young = new Set<string>();
  let old = new Set<string>();
  return {
    isNew(name) {
      if (young.has(name) || old.has(name)) return false;
      if (young.size >= most / 2) [old, young] = [young, new Set()];
      young.add(name);
      return true;
    },
  };
}
