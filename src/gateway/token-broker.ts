import { LRUCache } from 'lru-cache';
import type { ClientCredential } from '../core/credential.ts';
import { type Challenge, parseChallenges } from './challenge.ts';

/** The part of an upstream that one authorization is good for. */
export interface ProtectionSpace {
  /** The origin that asks for authorization. */
  readonly origin: string;
  /** What there: a repository's name, or nothing. */
  readonly place: string;
  /** The credential for this origin. */
  readonly credential: ClientCredential | undefined;
  /** Whether the credential is shown with the first request. */
  readonly eager: boolean;
}

/** A request to a token server. */
export interface TokenRequest {
  /** The address; without a form, service and scopes are in its query. */
  readonly url: URL;
  /** The `Authorization`. */
  readonly authorization: string | undefined;
  /** The form of a POST. */
  readonly form: URLSearchParams | undefined;
}

/** Asks a token server. Answers its JSON, or `undefined` when it refuses. */
export type FetchToken = (request: TokenRequest) => Promise<TokenAnswer | undefined>;

/** What a token server answers (distribution specification, "Token Authentication"). */
export interface TokenAnswer {
  /** The token. */
  readonly token: string;
  /** For how long it is good, in seconds. */
  readonly expiresIn: number;
}

/** What a request is authorized with. */
export interface Authorization {
  /** The field `Authorization`. */
  readonly field: string;
  /** When the token in it was to expire, in milliseconds since 1970; `undefined` when it is no token server's. */
  readonly expires: number | undefined;
}

/** Finds authorizations for upstreams and keeps them for as long as they are good. */
export interface TokenBroker {
  /** The `Authorization` for a request; `undefined` for none. Waits for a token server only if the one kept has expired. */
  authorize(space: ProtectionSpace, fetchToken: FetchToken): Promise<Authorization | undefined>;
  /**
   * The `Authorization` that answers a 401; `undefined` when there is none better than what was `sent`.
   */
  answer(
    space: ProtectionSpace,
    field: string,
    sent: string | undefined,
    fetchToken: FetchToken,
  ): Promise<Authorization | undefined>;
}

const MOST_SPACES = 10_000;
/** A token is renewed this long before it expires, or a tenth of its life if that is shorter; in seconds. */
const MARGIN = 10;

/** Makes a broker; its memory is bounded and shared by all rules, each token bound to origin, realm, scope and credential. */
export function createTokenBroker(): TokenBroker {
  const challenges = new LRUCache<string, Challenge>({ max: MOST_SPACES });
  const tokens = new LRUCache<string, Authorization>({ max: MOST_SPACES });
  const underWay = new Map<string, Promise<Authorization | undefined>>();

  function spaceKey({ origin, place, credential }: ProtectionSpace): string {
    return JSON.stringify([origin, place, credential]);
  }

  function tokenKey({ origin, credential }: ProtectionSpace, { params }: Challenge): string {
    return JSON.stringify([origin, params.realm, params.service, params.scope, credential]);
  }

  /** A kept token, or a new one; requests that need the same one wait for the same answer. */
  async function getToken(
    space: ProtectionSpace,
    challenge: Challenge,
    fetchToken: FetchToken,
  ): Promise<Authorization | undefined> {
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
  ): Promise<Authorization | undefined> {
    const request = toTokenRequest(challenge, space.credential);
    const answer = request && (await fetchToken(request));
    if (!answer) return undefined;
    const life = (answer.expiresIn - Math.min(MARGIN, answer.expiresIn / 10)) * 1000;
    const token = { field: `Bearer ${answer.token}`, expires: Date.now() + life };
    if (life > 0) tokens.set(tokenKey(space, challenge), token, { ttl: life });
    return token;
  }

  async function solve(
    space: ProtectionSpace,
    challenge: Challenge,
    fetchToken: FetchToken,
  ): Promise<Authorization | undefined> {
    return challenge.scheme === 'basic' ? basic(space.credential) : getToken(space, challenge, fetchToken);
  }

  return {
    async authorize(space, fetchToken) {
      const challenge = challenges.get(spaceKey(space));
      if (challenge) return solve(space, challenge, fetchToken);
      const { credential } = space;
      if (credential && 'token' in credential)
        return { field: `Bearer ${credential.token}`, expires: undefined };
      return space.eager ? basic(credential) : undefined;
    },

    async answer(space, field, sent, fetchToken) {
      // A token that is sent as it is has no name and password to get another one with.
      if (space.credential && 'token' in space.credential) return undefined;
      for (const challenge of parseChallenges(field)) {
        if (!isAnswerable(challenge)) continue;
        // The upstream no longer takes the token that we keep.
        const key = tokenKey(space, challenge);
        if (sent !== undefined && sent === tokens.get(key)?.field) tokens.delete(key);
        const authorization = await solve(space, challenge, fetchToken);
        if (authorization === undefined || authorization.field === sent) continue;
        challenges.set(spaceKey(space), challenge);
        return authorization;
      }
      return undefined;
    },
  };
}

function isAnswerable({ scheme, params }: Challenge): boolean {
  return scheme === 'basic' || (scheme === 'bearer' && params.realm !== undefined);
}

/**
 * Distribution specification, "Requesting a Token": service and scope of the challenge as parameters of its realm; a
 * refresh token goes into a form instead ("OAuth2 Token Authentication").
 */
function toTokenRequest(
  { params }: Challenge,
  credential: ClientCredential | undefined,
): TokenRequest | undefined {
  if (params.realm === undefined || !URL.canParse(params.realm)) return undefined;
  const url = new URL(params.realm);
  if (credential && 'refreshToken' in credential) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credential.refreshToken,
      client_id: 'turnout',
    });
    if (params.service) form.set('service', params.service);
    if (params.scope) form.set('scope', params.scope);
    return { url, authorization: undefined, form };
  }
  if (params.service) url.searchParams.set('service', params.service);
  // A challenge may ask for several scopes in one parameter; each is one of its own.
  for (const scope of params.scope?.split(' ') ?? []) if (scope) url.searchParams.append('scope', scope);
  return { url, authorization: basic(credential)?.field, form: undefined };
}

/** RFC 7617, in UTF-8. */
function basic(credential: ClientCredential | undefined): Authorization | undefined {
  if (!credential || !('username' in credential)) return undefined;
  const bytes = new TextEncoder().encode(`${credential.username}:${credential.password}`);
  return { field: `Basic ${btoa(String.fromCharCode(...bytes))}`, expires: undefined };
}
