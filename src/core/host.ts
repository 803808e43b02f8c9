// RFC 1123 §2.1 labels, with the underscore that names in use have; addresses in brackets (RFC 3986 §3.2.2).
const NAME = /^(?:[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?)(?:\.[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?)*$/;
const ADDRESS = /^\[[\da-f:.]+\]$/;

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
  const colon = lower.lastIndexOf(':');
  const hasPort = colon !== -1 && !lower.endsWith(']');
  const name = hasPort ? lower.slice(0, colon) : lower;
  return { name: name.endsWith('.') ? name.slice(0, -1) : name, port: hasPort ? lower.slice(colon + 1) : undefined };
}

/** Reads a host with an optional port; `undefined` when it is none. */
export function parseAuthority(text: string): Authority | undefined {
  const authority = splitHost(text);
  const { name, port } = authority;
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536)) return undefined;
  return name.length <= 253 && (NAME.test(name) || ADDRESS.test(name)) ? authority : undefined;
}

/** Writes an authority. */
export function formatAuthority({ name, port }: Authority): string {
  return port === undefined ? name : `${name}:${port}`;
}
