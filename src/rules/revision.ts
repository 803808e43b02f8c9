/** The name of a text: the first twelve hexadecimal digits of its SHA-256, which every instance agrees on. */
export async function revisionOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const bytes = [...new Uint8Array(digest, 0, 6)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
