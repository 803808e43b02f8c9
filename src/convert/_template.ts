/** Writes text so that it stands for itself in path-to-regexp's syntax. */
export function escapeText(text: string): string {
  return text.replace(/[\\:*{}()[\]+?!"]/g, '\\$&');
}

/** Tells whether a template of RFC 6570 means the same in path-to-regexp's syntax: text that has no special character. */
export function isPlainText(template: string): boolean {
  return /^[\w\-./%~@=&,;$']*$/.test(template);
}

/** An address, or what is wrong with a template. */
export type ConvertedTarget = { readonly to: string } | { readonly problem: string };

/** Writes an address with `{name}` and `{+name}` as one in path-to-regexp's syntax. */
export function templateToTarget(template: string): ConvertedTarget {
  const [, start = '', rest = ''] = /^((?:https?:\/\/)?[^/?#{]*)(.*)$/is.exec(template) ?? [];
  let problem: string | undefined;
  const mark = rest.indexOf('?');
  const parts = mark === -1 ? [rest] : [rest.slice(0, mark), rest.slice(mark + 1)];
  const written = parts.map((part) =>
    part
      .split(/(\{[^{}]*\})/)
      .map((piece, index, pieces) => {
        if (!piece.startsWith('{')) return escapeText(piece);
        const [, names] = /^\{\+?(\w+(?:,\w+)*)\}$/.exec(piece) ?? [];
        if (names === undefined)
          problem ??= `\`${piece}\` cannot be filled in; write \`{name}\` or \`{+name}\``;
        const glued = /^[\w$\u0080-\uffff]/.test(pieces[index + 1] ?? '');
        return (names ?? '')
          .split(',')
          .map((name) => (glued || /^\d/.test(name) ? `:"${name}"` : `:${name}`))
          .join(',');
      })
      .join(''),
  );
  return problem === undefined ? { to: start + written.join('?') } : { problem };
}

/**
 * Writes a regular expression that is searched for as one that matches the whole text: an expression that is bound to
 * both ends stays as it is.
 */
export function toWholeExpression(searched: string): string {
  const expression = searched.trim();
  if (/^\^[^|]*[^\\|]\$$/.test(expression)) return expression;
  return `.*?(?:${expression}).*`;
}
