/** A shorter value stands in many a text by chance, and is no secret. */
const LEAST = 4;

/** Puts names in place of what the variables of a rule file stand for, which may be secret. */
export type Conceal = (text: string) => string;

/** Makes what hides the values of the variables in a text of rules: `${NAME}` stands where its value was. */
export function createConceal(text: string, env: Readonly<Record<string, string | undefined>>): Conceal {
  const names = new Set([...text.matchAll(/\$\{([A-Za-z_]\w*)\}/g)].map(([, name = '']) => name));
  const values = [...names]
    .flatMap((name) => {
      const value = env[name] ?? '';
      const spellings = new Set([value, encodeURIComponent(value)]);
      return value.length < LEAST ? [] : [...spellings].map((spelling) => [name, spelling] as const);
    })
    // The longest first: one may be part of another.
    .sort(([, a], [, b]) => b.length - a.length);
  return (shown) => values.reduce((out, [name, value]) => out.replaceAll(value, () => `\${${name}}`), shown);
}

/** The parameters whose values tell what is asked for, and prove nothing. */
const PLAIN = new Set(['service', 'scope', 'go-get', 'n', 'last', 'tag', 'version']);

/** An address without what may prove something: the values of its query, but for those that the client had sent. */
export function hideQuery(address: string, known = ''): string {
  const mark = address.indexOf('?');
  if (mark === -1) return address;
  const sent = new Set(known.split('&'));
  const shown = address
    .slice(mark + 1)
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      return equals === -1 || sent.has(pair) || PLAIN.has(pair.slice(0, equals))
        ? pair
        : `${pair.slice(0, equals)}=…`;
    });
  return `${address.slice(0, mark)}?${shown.join('&')}`;
}
