// RFC 1123 §2.1 labels, with the underscore that names in use have; addresses in brackets (RFC 3986 §3.2.2).
const NAME = /^[a-z\d_]+(?:-+[a-z\d_]+)*(?:\.[a-z\d_]+(?:-+[a-z\d_]+)*)*$/;
const MAX_LABEL = 63;
const ADDRESS = /^\[[\da-f:.]+\]$/;
// What the URL standard reads as an address or as an encoded name: the last label a number, `xn--`, brackets.
const SPECIAL = /^\[|(?:^|\.)(?:\d+|0x[\da-f]*)$|(?:^|\.)xn--/;

/** A host and an optional port, lower-case. */
export interface Authority {
  /** The name or address, without a dot at its end. */
  readonly name: string;
  /** The port as written. */
  readonly port: string | undefined;
}

/** Splits a host into name and port, lower-case, without the dot of a fully qualified name. */
export function splitHost(host: string): Authority {
  const lower = host.toLowerCase();
  const colon = lower.includes(':') ? lower.lastIndexOf(':') : -1;
  const hasPort = colon !== -1 && !lower.endsWith(']');
  const name = hasPort ? lower.slice(0, colon) : lower;
  return {
    name: name.endsWith('.') ? name.slice(0, -1) : name,
    port: hasPort ? lower.slice(colon + 1) : undefined,
  };
}

/** Tells whether a pattern, a name or `*.` and a name, stands for a name. */
export function takesName(pattern: string, name: string): boolean {
  return pattern.startsWith('*.')
    ? name.endsWith(pattern.slice(1)) && name.length >= pattern.length
    : pattern === name;
}

/** Reads a host with an optional port; `undefined` when it is none. */
export function parseAuthority(text: string): Authority | undefined {
  const authority = splitHost(text);
  const { name, port } = authority;
  if (port !== undefined && !(/^[1-9]\d{0,4}$/.test(port) && Number(port) < 65_536)) return undefined;
  if (name.length > 253 || !(isName(name) || ADDRESS.test(name))) return undefined;
  return SPECIAL.test(name) && !isCanonical(name) ? undefined : authority;
}

function isName(name: string): boolean {
  if (!NAME.test(name)) return false;
  return name.length <= MAX_LABEL || name.split('.').every((label) => label.length <= MAX_LABEL);
}

/** Whether a URL parser leaves a name as it is. */
function isCanonical(name: string): boolean {
  try {
    return new URL(`http://${name}`).hostname === name;
  } catch {
    return false;
  }
}

/** Writes an authority. */
export function formatAuthority({ name, port }: Authority): string {
  return port === undefined ? name : `${name}:${port}`;
}
