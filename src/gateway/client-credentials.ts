import type { ClientCredential } from '../core/credential.ts';
import type { TokenSeal } from './token-seal.ts';

/** Reads the credentials that clients show, and makes the tokens that stand for them. */
export interface ClientCredentials {
  /**
   * What an `Authorization` proves on a host: nothing, for those who name nobody; `invalid` when it is none that we
   * know.
   */
  read(
    authorization: string,
    host: string,
  ): Promise<{ readonly credential: ClientCredential | undefined } | 'invalid'>;
  /** Makes a token that stands for a credential on a host, for so many seconds. */
  issue(credential: ClientCredential | undefined, host: string, lifetime: number): Promise<string>;
}

/** Makes what reads credentials; tokens are sealed, so that nobody keeps them and nobody else can read them. */
export function createClientCredentials(seal: TokenSeal): ClientCredentials {
  return {
    async read(authorization, host) {
      const [, scheme = '', value = ''] = /^([A-Za-z]+) +(\S+) *$/.exec(authorization) ?? [];
      switch (scheme.toLowerCase()) {
        case 'basic':
          return readBasic(value);
        case 'bearer': {
          const opened = await seal.open(value, host.toLowerCase());
          return opened
            ? { credential: (opened.content ?? undefined) as ClientCredential | undefined }
            : 'invalid';
        }
        default:
          return 'invalid';
      }
    },
    issue: (credential, host, lifetime) => seal.seal(credential ?? null, host.toLowerCase(), lifetime),
  };
}

/** RFC 7617; containers/image sends an empty name and password (`Og==`) for nobody. */
function readBasic(value: string): { readonly credential: ClientCredential | undefined } | 'invalid' {
  try {
    const bytes = Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const colon = text.indexOf(':');
    if (colon === -1) return 'invalid';
    const [username, password] = [text.slice(0, colon), text.slice(colon + 1)];
    return { credential: username === '' && password === '' ? undefined : { username, password } };
  } catch {
    return 'invalid';
  }
}
