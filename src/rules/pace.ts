/** How long hints are collected, so that a busy store costs little, in milliseconds. */
const HINTS = 50;

/** Says when a store is looked at next. */
export interface Pace {
  /** Waits for a hint, or for as long as a store is left alone after so many failures in a row. */
  next(failures: number): Promise<void>;
  /** Is told that the store may have changed. */
  hint(): void;
  /** Ends the waiting. */
  close(): void;
}

/**
 * Makes the pace of looking: every `poll` milliseconds at the latest while all is well, then twice as long with each
 * failure, up to `longest`. Each time varies, so that instances which started together do not stay together.
 */
export function createPace(poll: number, longest: number): Pace {
  let hinted = false;
  let closed = false;
  let wake: (() => void) | undefined;
  const rouse = () => wake?.();
  return {
    hint() {
      hinted = true;
      rouse();
    },
    close() {
      closed = true;
      rouse();
    },
    async next(failures) {
      if (!hinted && !closed) await sleep(pause(poll, longest, failures), (end) => (wake = end));
      // What comes in one go is looked at once.
      if (!closed) await sleep(HINTS, (end) => (wake = () => closed && end()));
      wake = undefined;
      hinted = false;
    },
  };
}

function pause(poll: number, longest: number, failures: number): number {
  if (failures === 0) return poll * (0.8 + 0.2 * Math.random());
  return (
    Math.min(Math.max(poll, longest), poll * 2 ** Math.min(failures - 1, 20)) * (0.5 + 0.5 * Math.random())
  );
}

/** Sleeps without keeping a process alive; what `onStart` is given ends it early. */
function sleep(milliseconds: number, onStart: (end: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = startTimer(resolve, milliseconds);
    onStart(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Starts a timer that does not keep a process alive, where there are processes. */
export function startTimer(onEnd: () => void, milliseconds: number): ReturnType<typeof setTimeout> {
  const timer: unknown = setTimeout(onEnd, milliseconds);
  (timer as { unref?: () => void }).unref?.();
  return timer as ReturnType<typeof setTimeout>;
}
