import { LRUCache } from 'lru-cache';

/** Keeps texts that are made once for many requests. */
export interface Memory {
  /** The text of a key; made when there is none, once for all who ask meanwhile. */
  keep(key: string, seconds: number, make: () => Promise<string>): Promise<string>;
  /** Gives a text up. */
  forget(key: string): void;
}

/** All texts together, in characters. */
const MOST = 32 * 1_048_576;

/** Makes a memory; what was not asked for the longest goes first. */
export function createMemory(): Memory {
  const texts = new LRUCache<string, string>({ maxSize: MOST, sizeCalculation: (text) => text.length + 100 });
  const underWay = new Map<string, Promise<string>>();
  return {
    async keep(key, seconds, make) {
      const known = texts.get(key) ?? underWay.get(key);
      if (known !== undefined) return known;
      // Kept before it is no longer under way: whoever comes between would make it again.
      const making = make()
        .then((text) => {
          texts.set(key, text, { ttl: seconds * 1000 });
          return text;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, making);
      return making;
    },
    forget: (key) => void texts.delete(key),
  };
}
