/** A request that a client sends, below the address that it was given. */
export interface ClientRequest {
  /** The method. */
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** The path, from its slash on, with its query if it has one. */
  readonly path: string;
  /** What it is for, in a few words. */
  readonly purpose: string;
  /** Header fields that this request has besides those of all, by lower-case name. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
}

/** What a client of an ecosystem sends, as it was measured. */
export interface Client {
  /** The name of the program: `docker`. */
  readonly name: string;
  /** The name of the protocol that it speaks; `undefined` for one that fetches what it is told. */
  readonly protocol: string | undefined;
  /** The header fields of all its requests, by lower-case name. */
  readonly fields: Readonly<Record<string, string>>;
  /** What it installs, for a person: `numpy or numpy==2.1`. */
  readonly example: string;
  /** Whether address and name are one word (`get.acme.dev/acme/app:1.0`), so that the host is all of the address. */
  readonly joined?: boolean;
  /**
   * Its first requests for a name, in their order, as far as the name tells them; what comes after depends on what was
   * answered. `undefined` for what is no name.
   */
  readonly requests: (name: string) => readonly ClientRequest[] | undefined;
  /** What follows the path of an address that it is given alone, instead of nothing. */
  readonly query?: string;
  /** What it fetches then, of which no more can be told; a sentence. */
  readonly afterwards?: string;
}

/** A GET. */
export function get(path: string, purpose: string, fields?: Readonly<Record<string, string>>): ClientRequest {
  return { method: 'GET', path, purpose, fields };
}

/** A HEAD. */
export function head(
  path: string,
  purpose: string,
  fields?: Readonly<Record<string, string>>,
): ClientRequest {
  return { method: 'HEAD', path, purpose, fields };
}

/** Splits a name from the version behind the last of a separator; what begins with it (`@acme/cli`) is a name. */
export function splitVersion(text: string, separator: string): readonly [name: string, version?: string] {
  const at = text.lastIndexOf(separator);
  return at <= 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
