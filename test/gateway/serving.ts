import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

import { type NodeHandlerOptions, toNodeHandler } from '../../src/adapters/node.ts';
import { compileRules } from '../../src/core/compile.ts';
import type { Rule } from '../../src/core/rule.ts';
import { createFetchTransport } from '../../src/gateway/fetch-transport.ts';
import { createNodeTransport } from '../../src/gateway/node-transport.ts';
import type { Timeouts, Transport } from '../../src/gateway/transport.ts';

/** Both transports. */
export const transports: readonly (readonly [
  name: 'node' | 'fetch',
  create: (timeouts?: Timeouts) => Transport,
])[] = [
  ['node', (timeouts) => createNodeTransport(timeouts)],
  ['fetch', (timeouts) => createFetchTransport(timeouts)],
];

/** A server in front of upstreams. */
export interface Serving {
  /** Such as `http://127.0.0.1:4711`. */
  readonly origin: string;
  readonly port: number;
}

/** Serves rules until the test ends. */
export function serve(rules: readonly Rule[], options: NodeHandlerOptions = {}): Promise<Serving> {
  return listen(toNodeHandler(compileRules(rules), options));
}

/** Serves with a handler until the test ends, or until `register` calls what it is given. */
export async function listen(
  handler: RequestListener,
  register: (stop: () => void) => void = onTestFinished,
): Promise<Serving> {
  const server = createServer({ requireHostHeader: false }, handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  register(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, port };
}
