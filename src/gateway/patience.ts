import { UpstreamError } from './transport.ts';

/** Ends a wait for an upstream that takes too long. */
export interface Patience {
  /** The signal for what is waited for: ends with the request's own, or when the time is over. */
  readonly signal: AbortSignal;
  /**
   * Waits, and makes of the end of the time what an upstream is to blame for.
   *
   * @throws UpstreamError The time is over.
   */
  guard<T>(origin: string, waiting: Promise<T>): Promise<T>;
}

/** Makes a patience of so many milliseconds; once something has come, there is no end to it. */
export function createPatience(signal: AbortSignal | undefined, milliseconds: number): Patience {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), milliseconds);
  return {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    async guard(origin, waiting) {
      try {
        return await waiting;
      } catch (error) {
        if (!controller.signal.aborted) throw error;
        throw new UpstreamError(`${origin} does not answer in ${milliseconds / 1000} s.`, 504, {
          cause: error,
        });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
