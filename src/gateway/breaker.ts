/** What a breaker is made of. */
export interface BreakerOptions {
  /** After so many failures in a row it breaks. */
  readonly failures: number;
  /** How long it is before one request is tried again, in milliseconds. */
  readonly pause: number;
  /** Whether what was thrown is a failure; anything else that is thrown says nothing. */
  readonly isFailure: (thrown: unknown) => boolean;
  /** Is called when it breaks. */
  readonly onBreak: () => void;
  /** Is called when it is whole again. */
  readonly onReset: () => void;
}

/** Counts failures in a row. It refuses nothing: who asks decides by `isFit` whom to ask first. */
export interface Breaker {
  /** Whether it is whole, or it is time to try. */
  isFit(now: number): boolean;
  /** Makes a request, and notes what becomes of it, unless another one is being tried or it is too early to. */
  watch<T>(ask: () => Promise<T>, isBad: (result: T) => boolean): Promise<T>;
}

/**
 * Makes a breaker that is whole.
 *
 * Its own few lines, since a Worker may make no `AbortController` while it loads, as the libraries for this do.
 */
export function createBreaker({ failures, pause, isFailure, onBreak, onReset }: BreakerOptions): Breaker {
  let inARow = 0;
  /** When one request may be tried; `undefined` while it is whole. */
  let retryAt: number | undefined;
  let trying = false;

  function note(good: boolean): void {
    inARow = good ? 0 : inARow + 1;
    if (good || retryAt !== undefined || inARow < failures) return;
    retryAt = Date.now() + pause;
    onBreak();
  }

  function noteTrial(good: boolean): void {
    trying = false;
    inARow = 0;
    retryAt = good ? undefined : Date.now() + pause;
    if (good) onReset();
  }

  return {
    isFit: (now) => retryAt === undefined || (!trying && now >= retryAt),
    async watch(ask, isBad) {
      const trial = retryAt !== undefined;
      // While one request is tried, others would wait for what becomes of it.
      if (trial && (trying || Date.now() < (retryAt ?? 0))) return ask();
      trying = trial;
      try {
        const result = await ask();
        if (trial) noteTrial(!isBad(result));
        else note(!isBad(result));
        return result;
      } catch (error) {
        if (trial) noteTrial(false);
        else if (isFailure(error)) note(false);
        throw error;
      }
    },
  };
}
