import type { AdapterOptions } from '../adapters/node.ts';

/** What a server tells an application. */
type Hooks = Pick<
  AdapterOptions,
  | 'onResponse'
  | 'onUpstreamError'
  | 'onCredentialError'
  | 'onUpstreamChange'
  | 'onGuardTrip'
  | 'onReport'
  | 'onRateLimit'
>;

/** Makes hooks that tell two. */
export function joinHooks(first: Hooks, second: Hooks): Hooks {
  return {
    onResponse: both(first.onResponse, second.onResponse),
    onUpstreamError: both(first.onUpstreamError, second.onUpstreamError),
    onCredentialError: both(first.onCredentialError, second.onCredentialError),
    onUpstreamChange: both(first.onUpstreamChange, second.onUpstreamChange),
    onGuardTrip: both(first.onGuardTrip, second.onGuardTrip),
    onReport: both(first.onReport, second.onReport),
    onRateLimit: both(first.onRateLimit, second.onRateLimit),
  };
}

type Hook<A extends readonly unknown[]> = ((...told: A) => void) | undefined;

function both<A extends readonly unknown[]>(first: Hook<A>, second: Hook<A>): Hook<A> {
  if (!first || !second) return first ?? second;
  return (...told) => {
    first(...told);
    second(...told);
  };
}
