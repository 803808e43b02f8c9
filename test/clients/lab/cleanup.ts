/** Anything that runs until it is stopped. */
export interface Stoppable {
  stop(): Promise<unknown>;
}

/** What a test file has started, to be stopped at its end. */
export interface Cleanup {
  /** Keeps a thing in mind until the end, and hands it on. */
  use<T extends Stoppable>(thing: T | Promise<T>): Promise<T>;
  /** Stops everything, the youngest first. */
  run(): Promise<void>;
}

/** Creates an empty list of things to stop. */
export function createCleanup(): Cleanup {
  const things: Stoppable[] = [];
  return {
    async use(thing) {
      const started = await thing;
      things.push(started);
      return started;
    },
    async run() {
      const faults: unknown[] = [];
      for (const thing of things.splice(0).reverse()) {
        await thing.stop().catch((fault: unknown) => faults.push(fault));
      }
      if (faults.length > 0) throw new AggregateError(faults, 'Something could not be stopped');
    },
  };
}
