import { reasonOf } from './_chain.ts';

/** Something is wrong with what a store has, and nothing with the connection. */
export class StoredError extends Error {}

/** A connection that is made when it is needed, and made anew when it was lost. */
export interface HeldConnection<C> {
  /**
   * Does some work with it. When the work fails, or the signal ends it, the connection is given up, as nobody knows what
   * state it is in.
   *
   * @throws Error What failed; the message says with which store.
   */
  use<T>(work: (connection: C) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Does something to the connection that there is. */
  peek(work: (connection: C) => void): void;
  /** Is told when the connection is lost between two uses. */
  onLost(listener: () => void): void;
  /** Ends it for good. */
  close(): void;
}

/** How a connection is made and ended. */
interface Connecting<C> {
  /** Makes one, and tells when it is lost. */
  open(onLost: () => void): Promise<C>;
  /** Ends one. */
  end(connection: C): unknown;
}

interface Held<C> {
  readonly ready: Promise<C>;
  established: boolean;
}

/** Makes what holds the connection to a store. */
export function holdConnection<C>(name: string, { open, end }: Connecting<C>): HeldConnection<C> {
  let held: Held<C> | undefined;
  let closed = false;
  let tell = () => {};

  function acquire(): Held<C> {
    const mine: Held<C> = {
      established: false,
      ready: Promise.resolve().then(() =>
        open(() => {
          // One that was never there was not lost; whoever waits for it is told.
          const lost = mine.established && mine === held;
          drop(mine);
          if (lost) tell();
        }),
      ),
    };
    mine.ready.then(
      () => {
        mine.established = true;
      },
      () => {},
    );
    return mine;
  }

  function drop(which: Held<C> | undefined): void {
    if (which === undefined || which !== held) return;
    held = undefined;
    which.ready.then(end).catch(() => {});
  }

  return {
    async use(work, signal) {
      if (closed) throw new StoredError(`\`${name}\` is closed.`);
      held ??= acquire();
      const mine = held;
      const leave = () => drop(mine);
      signal?.addEventListener('abort', leave);
      try {
        return await work(await mine.ready);
      } catch (error) {
        if (error instanceof StoredError) throw error;
        drop(mine);
        const reason = reasonOf(error).replace(/\.$/, '');
        throw new Error(`\`${name}\` cannot be used: ${reason}.`, { cause: error });
      } finally {
        signal?.removeEventListener('abort', leave);
      }
    },
    peek(work) {
      held?.ready.then(work).catch(() => {});
    },
    onLost(listener) {
      tell = listener;
    },
    close() {
      closed = true;
      tell = () => {};
      drop(held);
    },
  };
}
