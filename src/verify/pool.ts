/**
 * Works on what a source gives, so much of it at a time, and yields what comes of each as soon as it is there. The source
 * is read only as fast as there is room.
 */
export async function* inParallel<T, R>(
  source: AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const running = new Set<Promise<void>>();
  const ready: R[] = [];
  let failure: { readonly error: unknown } | undefined;
  const start = (item: T): void => {
    const task: Promise<void> = work(item)
      .then(
        (result) => void ready.push(result),
        (error: unknown) => {
          failure = { error };
        },
      )
      .finally(() => running.delete(task));
    running.add(task);
  };
  try {
    let ended = false;
    while (!ended || running.size > 0) {
      while (!ended && !failure && running.size < limit && ready.length === 0) {
        const next = await iterator.next();
        if (next.done) ended = true;
        else start(next.value);
      }
      if (ready.length === 0 && running.size > 0) await Promise.race(running);
      for (let result = ready.shift(); result !== undefined; result = ready.shift()) yield result;
      if (failure) throw failure.error;
    }
  } finally {
    await iterator.return?.();
    await Promise.all(running);
  }
}
