import { startTimer } from './pace.ts';
import type { RuleStore, StoredText } from './store.ts';

/** How a store is read, and for how long. */
export interface TimedRead {
  /** The version of the text that is known. */
  readonly known?: string | undefined;
  /** How long it may take, in milliseconds. */
  readonly timeout: number;
  /** Ends it early. */
  readonly closed?: AbortSignal | undefined;
}

/**
 * Reads a store, and gives up after a time also where the store itself would wait for ever.
 *
 * @throws Error It cannot be read, or has not answered.
 */
export function readInTime(
  store: RuleStore,
  { known, timeout, closed }: TimedRead,
): Promise<StoredText | undefined> {
  const abort = new AbortController();
  return new Promise((resolve, reject) => {
    const give = (error: Error) => {
      reject(error);
      abort.abort(error);
    };
    const timer = startTimer(
      () => give(new Error(`\`${store.name}\` has not answered within ${timeout / 1000} seconds.`)),
      timeout,
    );
    const leave = () => give(new Error(`\`${store.name}\` is no longer read.`));
    if (closed?.aborted) leave();
    closed?.addEventListener('abort', leave);
    const settle = () => {
      clearTimeout(timer);
      closed?.removeEventListener('abort', leave);
    };
    store.read({ known, signal: abort.signal }).then(resolve, reject).finally(settle);
  });
}
