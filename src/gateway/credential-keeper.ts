import type { CompiledUpstream } from '../core/compiled-rule.ts';
import { type ClientCredential, type Credential, credentialOf } from '../core/credential.ts';

/** Keeps the credentials that rules hold, or have fetched. */
export interface CredentialKeeper {
  /** The credential for an upstream; `undefined` when its rule has none. Waits only when none is good. */
  get(upstream: CompiledUpstream): Promise<Credential | undefined>;
  /** Another credential than the one that the upstream refused; `undefined` when there is none. */
  replace(upstream: CompiledUpstream, refused: ClientCredential | undefined): Promise<Credential | undefined>;
}

/** Makes a keeper. */
export function createCredentialKeeper(): CredentialKeeper {
  return {
    async get(upstream) {
      const held = credentialOf(upstream);
      return typeof held === 'function' ? held(upstream) : held;
    },
    async replace() {
      return undefined;
    },
  };
}
