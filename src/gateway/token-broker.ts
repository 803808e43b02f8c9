import { LRUCache } from 'lru-cache';
import type { Credential } from '../core/credential.ts';
import { type Challenge, parseChallenges } from './challenge.ts';

/** The part of an upstream that one authorization is good for. */
export interface ProtectionSpace {
  /** The origin that asks for authorization. */
  readonly origin: string;
  /** What there: a repository's name, or nothing. */
  readonly place: string;
  /** The credential that was issued for this origin. */
  readonly credential: Credential | undefined;
  /** Whether the credential is shown with the first request. */
  readonly eager: boolean;
}

/** Asks a token server. Answers its JSON, or `undefined` when it refuses. */
export type FetchToken = (url: URL, authorization: string | undefined) => Promise<TokenAnswer | undefined>;

/** What a token server answers (distribution specification, "Token Authentication"). */
export interface TokenAnswer {
  /** The token. */
  readonly token: string;
  /** For how long it is good, in seconds. */
  readonly expiresIn: number;
}

/** Finds authorizations for upstreams and keeps them for as long as they are good. */
export interface TokenBroker {
  /** The `Authorization` for a request; `undefined` for none. Waits for a token server only if the one kept has expired. */
  authorize(space: ProtectionSpace, fetchToken: FetchToken): Promise<string | undefined>;
  /**
   * The `Authorization` that answers a 401; `undefined` when there is none better than what was `sent`.
   */
  answer(
    space: ProtectionSpace,
    field: string,
    sent: string | undefined,
    fetchToken: FetchToken,
  ): Promise<string | undefined>;
}

const MOST_SPACES = 10_000;
/** A token is renewed this long before it expires, or a tenth of its life if that is shorter; in seconds. */
const MARGIN = 10;

/** Makes a broker; its memory is bounded and shared by all rules, each token bound to origin, realm, scope and credential. */
export function createTokenBroker(): TokenBroker {
  const challenges = new LRUCache<string, Challenge>({ max: MOST_SPACES });
  const tokens = new LRUCache<string, string>({ max: MOST_SPACES });
  const underWay = new Map<string, Promise<string | undefined>>();
  const numbers = new WeakMap<Credential, number>();
  let count = 0;

  function numberOf(credential: Credential | undefined): number {
    if (!credential) return 0;
    const known = numbers.get(credential) ?? ++count;
    numbers.set(credential, known);
    return known;
  }

  function spaceKey({ origin, place, credential }: ProtectionSpace): string {
    return JSON.stringify([origin, place, numberOf(credential)]);
  }

  function tokenKey({ origin, credential }: ProtectionSpace, { params }: Challenge): string {
    return JSON.stringify([origin, params.realm, params.service, params.scope, numberOf(credential)]);
  }

  /** A kept token, or a new one; requests that need the same one wait for the same answer. */
  async function getToken(
    space: ProtectionSpace,
    challenge: Challenge,
    fetchToken: FetchToken,
  ): Promise<string | undefined> {
    const key = tokenKey(space, challenge);
    const kept = tokens.get(key);
    if (kept !== undefined) return kept;
    const pending =
      underWay.get(key) ?? requestToken(space, challenge, fetchToken).finally(() => underWay.delete(key));
    underWay.set(key, pending);
    return pending;
  }

  async function requestToken(
    space: ProtectionSpace,
    challenge: Challenge,
    fetchToken: FetchToken,
  ): Promise<string | undefined> {
    const url = tokenUrl(challenge);
    const answer = url && (await fetchToken(url, basic(space.credential)));
    if (!answer) return undefined;
    const life = answer.expiresIn - Math.min(MARGIN, answer.expiresIn / 10);
    if (life > 0) tokens.set(tokenKey(space, challenge), answer.token, { ttl: life * 1000 });
    return answer.token;
  }

  async function solve(
    space: ProtectionSpace,
    challenge: Challenge,
    fetchToken: FetchToken,
  ): Promise<string | undefined> {
    if (challenge.scheme === 'basic') return basic(space.credential);
    const token = await getToken(space, challenge, fetchToken);
    return token === undefined ? undefined : `Bearer ${token}`;
  }

  return {
    async authorize(space, fetchToken) {
      const challenge = challenges.get(spaceKey(space));
      if (challenge) return solve(space, challenge, fetchToken);
      const { credential } = space;
      if (credential && 'token' in credential) return `Bearer ${credential.token}`;
      return space.eager ? basic(credential) : undefined;
    },

    async answer(space, field, sent, fetchToken) {
      // A token that is sent as it is has no name and password to get another one with.
      if (space.credential && 'token' in space.credential) return undefined;
      for (const challenge of parseChallenges(field)) {
        if (challenge.scheme === 'bearer' && challenge.params.realm === undefined) continue;
        if (challenge.scheme !== 'bearer' && challenge.scheme !== 'basic') continue;
        // The upstream no longer takes the token that we keep.
        const key = tokenKey(space, challenge);
        if (sent === `Bearer ${tokens.get(key)}`) tokens.delete(key);
        const authorization = await solve(space, challenge, fetchToken);
        if (authorization === undefined || authorization === sent) continue;
        challenges.set(spaceKey(space), challenge);
        return authorization;
      }
      return undefined;
    },
  };
}

/** Distribution specification, "Requesting a Token": service and scope of the challenge as parameters of its realm. */
function tokenUrl({ params }: Challenge): URL | undefined {
  if (params.realm === undefined || !URL.canParse(params.realm)) return undefined;
  const url = new URL(params.realm);
  if (params.service) url.searchParams.set('service', params.service);
  // A challenge may ask for several scopes in one parameter; each is one of its own.
  for (const scope of params.scope?.split(' ') ?? []) if (scope) url.searchParams.append('scope', scope);
  return url;
}

/** RFC 7617, in UTF-8. */
function basic(credential: Credential | undefined): string | undefined {
  if (!credential || !('username' in credential)) return undefined;
  const bytes = new TextEncoder().encode(`${credential.username}:${credential.password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
