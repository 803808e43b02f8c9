import type { ClientCredential } from '../core/credential.ts';
import type { ShownCredential } from '../core/protocol.ts';
import type { TokenSeal } from './token-seal.ts';

/** Reads the credentials that clients show, and makes the tokens that stand for them. */
export interface ClientCredentials {
  /** What an `Authorization` shows on a host; `invalid` when it is none that anybody could take. */
  read(authorization: string | undefined, host: string): Promise<ShownCredential | 'invalid'>;
  /** Makes a token that stands for a credential on a host, for so many seconds. */
  issue(credential: ClientCredential | undefined, host: string, lifetime: number): Promise<string>;
}

/** Makes what reads credentials; tokens are sealed, so that nobody keeps them and nobody else can read them. */
export function createClientCredentials(seal: TokenSeal): ClientCredentials {
  async function readToken(token: string, host: string): Promise<ShownCredential | 'invalid'> {
    const opened = await seal.open(token, host.toLowerCase());
    if (!opened) return 'invalid';
    return { source: 'token', credential: (opened.content ?? undefined) as ClientCredential | undefined };
  }

  return {
    async read(authorization, host) {
      if (authorization === undefined) return { source: 'none', credential: undefined };
      const [, scheme = '', value = ''] = /^([A-Za-z]+) +(\S+) *$/.exec(authorization) ?? [];
      if (scheme.toLowerCase() === 'bearer') return readToken(value, host);
      return scheme.toLowerCase() === 'basic' ? readBasic(value) : 'invalid';
    },
    issue: (credential, host, lifetime) => seal.seal(credential ?? null, host.toLowerCase(), lifetime),
  };
}

/** RFC 7617; containers/image sends an empty name and password (`Og==`) for nobody. */
function readBasic(value: string): ShownCredential | 'invalid' {
  const [, username, password] = /^([^:]*):(.*)$/s.exec(decode(value) ?? '') ?? [];
  if (username === undefined || password === undefined) return 'invalid';
  const named = username !== '' || password !== '';
  return { source: 'basic', credential: named ? { username, password } : undefined };
}

/** Base64 of UTF-8. */
function decode(value: string): string | undefined {
  try {
    const bytes = Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
