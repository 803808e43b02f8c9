/**
 * A name or a version out of a path, as a package URL has it; `:` stays.
 *
 * The text's escapes must be those of ASCII characters.
 *
 * @see https://github.com/package-url/purl-spec, "Character encoding"
 */
export function toPurlText(text: string): string {
  return encodeURIComponent(decodeURIComponent(text)).replaceAll('%3A', ':');
}
