/** What proves to an upstream that the gateway may fetch. */
export type Credential =
  | { readonly username: string; readonly password: string }
  /** A token that is sent as it is, as `Authorization: Bearer`. */
  | { readonly token: string };

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
