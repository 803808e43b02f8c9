import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Stoppable } from './cleanup.ts';

/** A proxy that clients are told of by `http_proxy`, so that a lab may have host names and no port in them. */
export interface ForwardProxy extends Stoppable {
  /** Such as `http://127.0.0.1:4711`. */
  readonly origin: string;
}

/** Starts a proxy that knows these hosts, each by its origin, and no others. It tunnels nothing. */
export async function startForwardProxy(hosts: Readonly<Record<string, string>>): Promise<ForwardProxy> {
  const server = createServer((incoming, outgoing) => {
    const url = URL.canParse(incoming.url ?? '') ? new URL(incoming.url ?? '') : undefined;
    const origin = url && hosts[url.host];
    if (!url || origin === undefined) {
      outgoing.writeHead(502).end();
      return;
    }
    const { method, headers } = incoming;
    const forwarded = request(origin + url.pathname + url.search, {
      method,
      headers: { ...headers, host: url.host },
    });
    forwarded.once('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.once('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  server.on('connect', (_, socket) => socket.end('HTTP/1.1 502 No tunnel\r\n\r\n'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
