/** An address without what may be secret in it: its query, its fragment, a name and a password. */
export function conceal(text: string): string {
  return text
    .replace(/\b(https?:\/\/)[^\s/?#@]*@/gi, '$1')
    .replace(/\b(https?:\/\/[^\s?#]*)[?#][^\s]*/gi, '$1');
}
