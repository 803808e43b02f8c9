/** A challenge of a `WWW-Authenticate` field (RFC 9110 §11.6.1). */
export interface Challenge {
  /** The scheme, lower-case. */
  readonly scheme: string;
  /** The parameters by lower-case name. */
  readonly params: Readonly<Record<string, string>>;
}

// RFC 9110 §5.6.2 token, §5.6.4 quoted-string, §5.6.1.2 empty list elements; a challenge starts with a token that no
// "=" follows, and may go on with a token68 (§11.2), which is passed over.
const PART =
  /[\s,]*(?:([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~:/-]+))|([\w!#$%&'*+.^`|~-]+)(?=[\s,]|$)(?:\s+[\w.~+/-]+=*(?=\s*(?:,|$)))?)/y;

/** Reads the challenges of a field; what is malformed ends the reading. Never throws. */
export function parseChallenges(field: string): readonly Challenge[] {
  const challenges: { scheme: string; params: Record<string, string> }[] = [];
  PART.lastIndex = 0;
  for (let part = PART.exec(field); part; part = PART.exec(field)) {
    const [, name, quoted, plain, scheme] = part;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), params: {} });
    const params = challenges.at(-1)?.params;
    if (name !== undefined && params)
      params[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '';
  }
  return challenges;
}
