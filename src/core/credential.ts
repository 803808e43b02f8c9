/** What proves to an upstream, or to the token server that it names, that the gateway may fetch. */
export type Credential =
  | {
      /** The name of the user, without a colon. */
      readonly username: string;
      /** The password; seldom the person's own, mostly a token that may only read. */
      readonly password: string;
    }
  | {
      /** A token that is sent as it is, as `Authorization: Bearer`. */
      readonly token: string;
    };

/** What the parts of a credential consist of, as a file or a program can give them. */
export const CREDENTIAL_SYNTAX: Readonly<Record<'username' | 'password' | 'token', RegExp>> = {
  username: /^[^:\p{Cc}]+$/u,
  password: /^\P{Cc}*$/u,
  token: /^[!-~]+$/,
};

/** A credential that was fetched, and is good for some time. */
export type ProvidedCredential = Credential & {
  /** When it expires. Default five minutes after it was fetched. */
  readonly expiresAt?: Date | undefined;
};

/** The upstream that a credential is fetched for. */
export interface CredentialAudience {
  /** Scheme, host and port: `https://123456789012.dkr.ecr.eu-central-1.amazonaws.com`. */
  readonly origin: string;
  /** Host and port. */
  readonly host: string;
}

/**
 * Fetches a credential for an upstream whose passwords expire, such as a cloud's registry.
 *
 * Called when there is none yet, before the one kept expires, and when the upstream no longer takes it; one call at a
 * time for one upstream, and one that takes longer than 30 seconds has failed. The first line of what it throws is told
 * to `onUpstreamError` when requests fail of it, and else to `onCredentialError`: it must not have a secret in it. A
 * credential that is still good stays in use.
 */
export type CredentialProvider = (
  upstream: CredentialAudience,
) => ProvidedCredential | Promise<ProvidedCredential>;

/**
 * What the gateway proves itself with at an upstream: a credential of its own, what fetches one, or `client` for the
 * credential that each client shows.
 */
export type Authentication = Credential | CredentialProvider | 'client';

/** A credential of a client: as a rule can have it, or the refresh token of an earlier login. */
export type ClientCredential =
  | Credential
  | {
      /** A token that is good for nothing but other tokens (distribution specification, "OAuth2 Token Authentication"). */
      readonly refreshToken: string;
    };

// A registered symbol, so that the ESM and the CommonJS build read each other's rule sets.
const CREDENTIAL: unique symbol = Symbol.for('turnout.credential') as never;

/** Attaches a credential to an upstream where neither JSON nor a log of the object shows it. */
export function holdCredential(upstream: object, credential: Credential | CredentialProvider): void {
  Object.defineProperty(upstream, CREDENTIAL, { value: credential, enumerable: false });
}

/** The credential that an upstream holds, or what fetches it. */
export function credentialOf(upstream: object): Credential | CredentialProvider | undefined {
  return (upstream as { readonly [CREDENTIAL]?: Credential | CredentialProvider })[CREDENTIAL];
}
