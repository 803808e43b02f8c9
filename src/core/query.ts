/** Finds the value of the first parameter of that name in a query; both stay as received. */
export function findParameter(query: string, name: string): string | undefined {
  for (let from = 0; from <= query.length; ) {
    const ampersand = query.indexOf('&', from);
    const end = ampersand === -1 ? query.length : ampersand;
    if (query.startsWith(name, from)) {
      const after = from + name.length;
      if (after === end) return '';
      if (query[after] === '=') return query.slice(after + 1, end);
    }
    from = end + 1;
  }
  return undefined;
}

/**
 * Appends a request's query to a target's own: the target's parameters stay, and of the request's those follow whose
 * names the target does not have, byte for byte.
 */
export function mergeQuery(own: string, carried: string | undefined): string {
  if (!carried) return own;
  if (own === '') return carried;
  const names = new Set(own.split('&').map(nameOf));
  return [own, ...carried.split('&').filter((parameter) => !names.has(nameOf(parameter)))].join('&');
}

/** The name of a parameter, decoded, since `%61` and `a` are the same name to the upstream. */
function nameOf(parameter: string): string {
  const raw = parameter.split('=', 1)[0] ?? '';
  try {
    return decodeURIComponent(raw.replaceAll('+', ' '));
  } catch {
    return raw;
  }
}
