/** Translates the entity tags of a document that is rewritten on its way (RFC 9110 §8.8.3). */
export interface EntityTags {
  /** The tag for the client: weak, and another one whenever the rewriting would give another document. */
  toClient(tag: string): string | undefined;
  /** The upstream's tags in an `If-None-Match` of a client; `undefined` when none of them is of this rewriting. */
  toUpstream(field: string): string | undefined;
}

// RFC 9110 §8.8.3: entity-tag.
const TAG = /(W\/)?"([\x21\x23-\x7e]*)"/g;

/** Makes the translation for a rewriting that `identity` describes whole: where links lead, what they led to. */
export function createEntityTags(identity: string): EntityTags {
  const mark = hash(identity);
  return {
    toClient(tag) {
      const [, weak, opaque] = [...tag.matchAll(TAG)][0] ?? [];
      return opaque === undefined ? undefined : `W/"${mark}${weak ? 'w' : 's'}${opaque}"`;
    },
    toUpstream(field) {
      const tags = [...field.matchAll(TAG)].flatMap(([, , opaque = '']) => {
        if (!opaque.startsWith(mark)) return [];
        return `${opaque[mark.length] === 'w' ? 'W/' : ''}"${opaque.slice(mark.length + 1)}"`;
      });
      return tags.length === 0 ? undefined : tags.join(', ');
    },
  };
}

/** FNV-1a over 52 bits in two halves; it tells configurations apart and keeps no secret. */
function hash(text: string): string {
  let [low, high] = [0x811c9dc5, 0x01000193];
  for (let index = 0; index < text.length; index++) {
    low = Math.imul(low ^ text.charCodeAt(index), 0x01000193);
    high = Math.imul(high ^ text.charCodeAt(text.length - 1 - index), 0x01000193);
  }
  return [low, high].map((half) => (half >>> 0).toString(36).padStart(7, '0')).join('');
}
