import type { Server } from 'node:http';

const IDLE_SWEEP = 100;

/** How a server ends. */
export interface DrainOptions {
  /** How long it takes new requests after the signal, in seconds. */
  readonly delay: number;
  /** How long what runs then may go on, in seconds. */
  readonly grace: number;
  /** Is called at the signal. */
  readonly onSignal: () => void;
  /** Is called when it takes no more connections. */
  readonly onClose: () => void;
  /** Is called when nothing runs any more. */
  readonly onEnd: () => void;
}

/**
 * Ends a server on SIGTERM or SIGINT: for `delay` seconds it goes on, so that a load balancer can look away; then it takes
 * no new connections, and what runs goes on for `grace` seconds at most. The exit code is 0 when all of it ended well
 * and 1 when some was cut off; a second signal cuts off at once.
 */
export function drain(server: Server, { delay, grace, onSignal, onClose, onEnd }: DrainOptions): void {
  let draining = false;
  const close = () => {
    onClose();
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP);
    const limit = setTimeout(() => {
      process.exitCode = 1;
      server.closeAllConnections();
    }, grace * 1000);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(limit);
      onEnd();
      // Pooled connections to upstreams would hold the process for a while.
      setImmediate(() => process.exit());
    });
  };
  const stop = () => {
    if (draining) process.exit(1);
    draining = true;
    onSignal();
    if (delay > 0) setTimeout(close, delay * 1000);
    else close();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
