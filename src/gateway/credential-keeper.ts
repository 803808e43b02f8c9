import type { CompiledUpstream } from '../core/compiled-rule.ts';
import {
  type ClientCredential,
  type Credential,
  type CredentialProvider,
  credentialOf,
} from '../core/credential.ts';
import { callHook } from './hook.ts';
import { fetchCredential, type TimedCredential } from './provided-credential.ts';
import type { UpstreamError } from './transport.ts';

/** Keeps the credentials that rules hold, or have fetched. */
export interface CredentialKeeper {
  /**
   * The credential for an upstream; `undefined` when its rule has none. Waits only when none is good.
   *
   * @throws UpstreamError None is good, and none can be fetched.
   */
  get(upstream: CompiledUpstream): Promise<Credential | undefined>;
  /** Another credential than the one that the upstream refused; `undefined` when there is none. Never throws. */
  replace(upstream: CompiledUpstream, refused: ClientCredential | undefined): Promise<Credential | undefined>;
}

/** How a keeper works. */
export interface CredentialKeeperOptions {
  /** Told once of every credential that could not be fetched, also while the one before still serves. */
  readonly onError?: ((error: UpstreamError) => void) | undefined;
}

/** What is known for one provider and origin. */
interface Slot {
  kept?: TimedCredential;
  pending?: Promise<TimedCredential>;
  failure?: { readonly error: UpstreamError; readonly at: number };
  /** When a refused credential was last replaced. */
  replaced?: number;
}

/** A credential is renewed this long before it expires, or a tenth of its life if that is shorter; in milliseconds. */
const RENEWAL = 10 * 60_000;
/** This long before it expires, or a twentieth of its life, requests wait for the renewal; in milliseconds. */
const MARGIN = 10_000;
/** How long a provider that failed is left alone while a credential is good, in milliseconds. */
const PAUSE = 10_000;
/** How long while none is good, so that many requests do not start as many programs; in milliseconds. */
const SHORT_PAUSE = 1000;
/** How often a refused credential is replaced at most, in milliseconds. */
const REPLACEMENT = 30_000;

/**
 * Makes a keeper; what it has fetched, it keeps for one provider and origin.
 *
 * It has no clockwork of its own: a credential is renewed ahead of time when it is asked for.
 */
export function createCredentialKeeper({ onError }: CredentialKeeperOptions = {}): CredentialKeeper {
  // A provider that no rule has any more is forgotten with what it gave.
  const providers = new WeakMap<CredentialProvider, Map<string, Slot>>();

  function slotOf(provider: CredentialProvider, { origin }: CompiledUpstream): Slot {
    const origins = providers.get(provider) ?? new Map<string, Slot>();
    providers.set(provider, origins);
    const slot = origins.get(origin) ?? {};
    origins.set(origin, slot);
    return slot;
  }

  /** Fetches, unless that is under way already. */
  function renew(slot: Slot, provider: CredentialProvider, upstream: CompiledUpstream) {
    slot.pending ??= fetchInto(slot, provider, upstream).finally(() => {
      delete slot.pending;
    });
    return slot.pending;
  }

  async function fetchInto(slot: Slot, provider: CredentialProvider, upstream: CompiledUpstream) {
    try {
      slot.kept = await fetchCredential(provider, upstream);
      delete slot.failure;
      return slot.kept;
    } catch (thrown) {
      const error = thrown as UpstreamError;
      slot.failure = { error, at: performance.now() };
      callHook(() => onError?.(error));
      throw error;
    }
  }

  async function getProvided(provider: CredentialProvider, upstream: CompiledUpstream): Promise<Credential> {
    const slot = slotOf(provider, upstream);
    const kept = slot.kept && isGood(slot.kept) ? slot.kept : undefined;
    if (kept && isGood(kept, leadOf(kept, RENEWAL, 10))) return kept.credential;
    if (slot.failure && isPaused(slot, kept ? PAUSE : SHORT_PAUSE)) {
      if (kept) return kept.credential;
      throw slot.failure.error;
    }
    const renewal = renew(slot, provider, upstream);
    if (!kept) return (await renewal).credential;
    if (isGood(kept, leadOf(kept, MARGIN, 20))) {
      renewal.catch(() => {});
      return kept.credential;
    }
    return (await renewal.catch((error) => keepOrThrow(kept, error))).credential;
  }

  async function replaceProvided(
    provider: CredentialProvider,
    upstream: CompiledUpstream,
    refused: ClientCredential | undefined,
  ): Promise<Credential | undefined> {
    const slot = slotOf(provider, upstream);
    // Of several requests that were refused at once, the first has it replaced.
    const { kept } = slot;
    if (kept && isGood(kept) && !isSame(kept.credential, refused)) return kept.credential;
    if (!slot.pending) {
      const now = performance.now();
      if (slot.replaced !== undefined && now < slot.replaced + REPLACEMENT) return undefined;
      slot.replaced = now;
    }
    try {
      const { credential } = await renew(slot, provider, upstream);
      return isSame(credential, refused) ? undefined : credential;
    } catch {
      // The refusal says more to the client; `onError` has been told.
      return undefined;
    }
  }

  return {
    async get(upstream) {
      const held = credentialOf(upstream);
      return typeof held === 'function' ? getProvided(held, upstream) : held;
    },
    async replace(upstream, refused) {
      const held = credentialOf(upstream);
      return typeof held === 'function' ? replaceProvided(held, upstream, refused) : undefined;
    },
  };
}

/** Tells whether a credential is good for so many milliseconds more. */
function isGood({ expires }: TimedCredential, lead = 0): boolean {
  return Date.now() + lead < expires;
}

function isPaused({ failure, pending }: Slot, pause: number): boolean {
  return failure !== undefined && !pending && performance.now() < failure.at + pause;
}

function keepOrThrow(kept: TimedCredential, error: unknown): TimedCredential {
  if (isGood(kept)) return kept;
  throw error;
}

/** So many milliseconds, or a part of the credential's life if that is shorter. */
function leadOf({ fetched, expires }: TimedCredential, most: number, part: number): number {
  return Math.min(most, (expires - fetched) / part);
}

function isSame(one: Credential, other: ClientCredential | undefined): boolean {
  if (other === undefined || 'refreshToken' in other) return false;
  if ('token' in one) return 'token' in other && one.token === other.token;
  return 'username' in other && one.username === other.username && one.password === other.password;
}
