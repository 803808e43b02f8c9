/** Takes a text out of another. */
export function hide(text: string, hidden: string | undefined): string {
  return hidden ? text.replaceAll(hidden, 'hidden.invalid') : text;
}
