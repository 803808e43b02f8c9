import { LRUCache } from 'lru-cache';
import type { Circumstances } from '../core/choice.ts';
import type { CompiledUpstream } from '../core/compiled-rule.ts';
import { type Breaker, createBreaker } from './breaker.ts';
import type { Guard } from './guard.ts';
import { callHook } from './hook.ts';
import { readRateLimit } from './rate-limit.ts';
import { type Transport, UpstreamError, type UpstreamResponse } from './transport.ts';

/** After so many failures in a row an upstream is asked after the others. */
const FAILURES = 3;

/** How long it is before one request is tried there again, in milliseconds. */
const PAUSE = 5000;

/** How long a probe is good, and how long it may take, in milliseconds. */
const PROBE = { every: 10_000, patience: 5000 };

/** How long an upstream that wants fewer requests is left alone, when it does not say, and at most; in seconds. */
const RESPITE = { usual: 10, most: 3600 };

/** The most origins that are known. */
const MOST = 1000;

/** Knows which upstreams are in order, from what became of requests and of probes. */
export interface Health {
  /** The circumstances of a choice that is made now. */
  now(): Circumstances;
  /**
   * Makes a request, and notes what becomes of it: it fails when it throws an `UpstreamError` or answers with a server
   * error. An upstream that is out of order is asked all the same, since nobody asks it before those that are.
   */
  watch<T extends { readonly response: UpstreamResponse }>(
    upstream: CompiledUpstream,
    ask: () => Promise<T>,
  ): Promise<T>;
}

/** What is known of an origin. */
interface State {
  readonly breaker: Breaker;
  /** Until when it wants fewer requests, in milliseconds since 1970. */
  busyUntil: number;
  /** When it was last probed. */
  probedAt: number;
  /** Whether the last probe failed. */
  down: boolean;
}

/** What a health is made of. */
export interface HealthOptions {
  /** Sends probes. */
  readonly transport: Transport;
  /** Told when an origin falls out of order, and when it is in order again. */
  readonly onChange?: ((origin: string, inOrder: boolean) => void) | undefined;
  /** Holds shares back. */
  readonly guard: Guard;
}

/** Makes what knows nothing yet. */
export function createHealth({ transport, onChange, guard }: HealthOptions): Health {
  const states = new LRUCache<string, State>({ max: MOST });
  const tell = (origin: string, inOrder: boolean) => callHook(() => onChange?.(origin, inOrder));
  const stateOf = (origin: string): State => {
    const known = states.get(origin);
    if (known) return known;
    const state = createState((inOrder) => tell(origin, inOrder));
    states.set(origin, state);
    return state;
  };

  function isFit(upstream: CompiledUpstream): boolean {
    const now = Date.now();
    const state = upstream.probe === undefined ? states.get(upstream.origin) : stateOf(upstream.origin);
    if (!state) return true;
    if (upstream.probe !== undefined && now - state.probedAt >= PROBE.every) {
      state.probedAt = now;
      void probe(transport, upstream.origin, upstream.probe).then((inOrder) => {
        if (state.down === inOrder) tell(upstream.origin, inOrder);
        state.down = !inOrder;
      });
    }
    if (state.down || now < state.busyUntil) return false;
    return state.breaker.isFit(now);
  }

  return {
    now: () => ({ now: Date.now(), isFit, isHeld: guard.isHeld }),
    async watch(upstream, ask) {
      const state = stateOf(upstream.origin);
      const result = await state.breaker.watch(ask, isServerError);
      const respite = readRespite(result.response);
      if (respite > 0) state.busyUntil = Date.now() + respite * 1000;
      return result;
    },
  };
}

function createState(tell: (inOrder: boolean) => void): State {
  const breaker = createBreaker({
    failures: FAILURES,
    pause: PAUSE,
    isFailure: (error) => error instanceof UpstreamError,
    onBreak: () => tell(false),
    onReset: () => tell(true),
  });
  return { breaker, busyUntil: 0, probedAt: 0, down: false };
}

function isServerError({ response }: { readonly response: UpstreamResponse }): boolean {
  return response.status >= 500;
}

/** For how many seconds an upstream wants no more requests: it says so, or that none are left. */
function readRespite({ status, headers }: UpstreamResponse): number {
  if (status === 429) return readRetryAfter(headers);
  const limit = readRateLimit(headers);
  return limit?.remaining === 0 ? Math.min(limit.window ?? RESPITE.usual, RESPITE.most) : 0;
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function readRetryAfter(headers: UpstreamResponse['headers']): number {
  const field = headers['retry-after'] ?? '';
  const seconds = /^\d{1,9}$/.test(field) ? Number(field) : (Date.parse(field) - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return RESPITE.usual;
  return Math.min(Math.max(seconds, 1), RESPITE.most);
}

/** Whether an upstream answers its probe with anything but a server error. */
async function probe(transport: Transport, origin: string, path: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE.patience);
    const headers = { 'user-agent': 'turnout' };
    const response = await transport({ method: 'GET', origin, path, headers, signal, guarded: false });
    response.discard();
    return response.status < 500 && response.status !== 429;
  } catch {
    return false;
  }
}
