import { EncryptJWT, jwtDecrypt } from 'jose';

/** Makes tokens that only it can read. */
export interface TokenSeal {
  /** Seals what JSON can say into a token that is good at one place, for so many seconds. */
  seal(content: unknown, place: string, lifetime: number): Promise<string>;
  /** What is in a token; `undefined` when it is not ours, of another place, or expired. */
  open(token: string, place: string): Promise<{ readonly content: unknown } | undefined>;
}

/** More than the longest credential makes, and what Node takes of all fields together. */
const MOST_LENGTH = 16_384;

/**
 * Makes a seal: a JWT that is encrypted with AES-256 in GCM (RFC 7516, RFC 7519). Without a secret its tokens are good
 * for nobody but itself: not for another instance, nor for the same program after a restart.
 */
export function createTokenSeal(secret: string | undefined): TokenSeal {
  let known: Promise<Uint8Array> | undefined;
  const key = () => {
    known ??= deriveKey(secret);
    return known;
  };
  return {
    async seal(content, place, lifetime) {
      return new EncryptJWT({ content })
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setAudience(place)
        .setExpirationTime(Math.floor(Date.now() / 1000) + lifetime)
        .encrypt(await key());
    },

    async open(token, place) {
      if (token.length > MOST_LENGTH) return undefined;
      try {
        const options = {
          audience: place,
          requiredClaims: ['exp'],
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        };
        const { payload } = await jwtDecrypt(token, await key(), options);
        return { content: payload.content };
      } catch {
        return undefined;
      }
    },
  };
}

async function deriveKey(secret: string | undefined): Promise<Uint8Array> {
  if (secret === undefined) return crypto.getRandomValues(new Uint8Array(32));
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret)));
}
