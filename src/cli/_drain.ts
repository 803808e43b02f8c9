import type { Server } from 'node:http';

const IDLE_SWEEP = 100;

/**
 * Ends a server on SIGTERM or SIGINT: no new connections, what runs goes on for `grace` seconds at most. The exit code
 * is 0 when all of it ended well and 1 when some was cut off; a second signal cuts off at once.
 */
export function drain(server: Server, grace: number, onStart: () => void, onEnd: () => void): void {
  let draining = false;
  const stop = () => {
    if (draining) process.exit(1);
    draining = true;
    onStart();
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
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
