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

// A registered symbol, so that the ESM and the CommonJS build read each other's rule sets.
const CREDENTIAL: unique symbol = Symbol.for('turnout.credential') as never;

/** Attaches a credential to an upstream where neither JSON nor a log of the object shows it. */
export function holdCredential(upstream: object, credential: Credential): void {
  Object.defineProperty(upstream, CREDENTIAL, { value: credential, enumerable: false });
}

/** The credential that an upstream holds. */
export function credentialOf(upstream: object): Credential | undefined {
  return (upstream as { readonly [CREDENTIAL]?: Credential })[CREDENTIAL];
}
