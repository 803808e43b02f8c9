/** The name under which Turnout marks requests that it forwards. */
const MARK = 'turnout';

/** The most gateways of this kind that a request may pass, which leaves room for a chain but not for a circle. */
const MOST = 4;

/** Tells from a `CDN-Loop` field (RFC 8586) that a request goes round in a circle. */
export function isLoop(field: string | undefined): boolean {
  if (!field?.includes(MARK)) return false;
  return field.split(',').filter((entry) => entry.trim().split(/[;\s]/, 1)[0] === MARK).length >= MOST;
}

/** Adds `Via` (RFC 9110 §7.6.3) and `CDN-Loop` to the fields of a forwarded request. */
export function markForwarded(fields: Readonly<Record<string, string>>): Record<string, string> {
  return { ...fields, via: append(fields.via, `1.1 ${MARK}`), 'cdn-loop': append(fields['cdn-loop'], MARK) };
}

function append(field: string | undefined, entry: string): string {
  return field ? `${field}, ${entry}` : entry;
}
