import { LRUCache } from 'lru-cache';
import type { Route } from '../core/decide.ts';
import type { RedirectDecision } from '../core/decision.ts';
import { type Exchange, type ExchangeTools, exchange } from './exchange.ts';
import type { Health } from './health.ts';
import { createPatience } from './patience.ts';
import { toUpstreamError } from './refusal.ts';
import { UpstreamError } from './transport.ts';

/** What is known of an address: that something is there, that nothing is, or that its host is out of order. */
export type Existence = 'there' | 'missing' | 'failed';

/** For how long it is believed, in milliseconds; a file that has just been published must not be missing for long. */
const BELIEVED: Readonly<Record<Existence, number>> = { there: 60_000, missing: 5000, failed: 1000 };

/** How long the answer may take, in milliseconds. */
const PATIENCE = 5000;

/** The most addresses that are known. */
const MOST = 10_000;

/** A route whose decision is a redirect. */
export type RedirectRoute = { readonly [Key in keyof Route]-?: NonNullable<Route[Key]> } & {
  readonly decision: RedirectDecision;
};

/** Looks whether there is something where a redirect leads, once for all who ask meanwhile. */
export interface Existences {
  /** What is known of the address of a redirect, or found out with a HEAD. Never rejects. */
  find(route: RedirectRoute): Promise<Existence>;
}

/** Makes what knows no address yet. */
export function createExistences(
  tools: ExchangeTools & { readonly health: Health },
  onError: (error: UpstreamError, decision: RedirectDecision) => void,
): Existences {
  const known = new LRUCache<string, Existence>({ max: MOST });
  const underWay = new Map<string, Promise<Existence>>();
  async function look(route: RedirectRoute): Promise<Existence> {
    const { location } = route.decision;
    const existence = await ask(tools, route).catch((error): Existence => {
      onError(toUpstreamError(error, route.upstream.origin), route.decision);
      return 'failed';
    });
    known.set(location, existence, { ttl: BELIEVED[existence] });
    return existence;
  }
  return {
    find(route) {
      const { location } = route.decision;
      const existence = known.get(location);
      if (existence) return Promise.resolve(existence);
      const looking = underWay.get(location) ?? look(route).finally(() => underWay.delete(location));
      underWay.set(location, looking);
      return looking;
    },
  };
}

async function ask(
  tools: ExchangeTools & { readonly health: Health },
  { decision, upstream, protocol, place }: RedirectRoute,
): Promise<Existence> {
  const patience = createPatience(undefined, PATIENCE);
  const question: Exchange = {
    method: 'HEAD',
    target: decision.location,
    headers: { 'user-agent': 'turnout' },
    body: undefined,
    signal: patience.signal,
    upstream,
    protocol,
    place,
    credential: undefined,
    relays: () => false,
  };
  const { response } = await tools.health.watch(upstream, () =>
    patience.guard(upstream.origin, exchange(tools, question)),
  );
  const { status } = response;
  response.discard();
  if (status === 404 || status === 410) return 'missing';
  if (status === 429 || status >= 500)
    throw new UpstreamError(`${upstream.origin} answers ${status}.`, status === 429 ? 429 : 502);
  // A refusal (401, 403), or of HEAD (405), is the upstream's answer for the client to see.
  return 'there';
}
