import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Stoppable } from './cleanup.ts';

/** One request as a server saw it. */
export interface RecordedRequest {
  readonly method: string;
  /** The path with its query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** The kind of credential that came with it. */
  readonly authorization: 'none' | 'basic' | 'bearer' | 'other';
  /** The status that it was answered with; 0 as long as there is none. */
  status: number;
  /** Whether the client went away before the answer was complete. */
  aborted: boolean;
}

/** A server that remembers every request. */
export interface RecordingServer extends Stoppable {
  /** Such as `http://127.0.0.2:4711`. */
  readonly origin: string;
  /** Every request since the last `forget`, in the order they came. */
  readonly requests: readonly RecordedRequest[];
  /** Starts a new page. */
  forget(): void;
}

/** Answers a request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Starts a server on a loopback address and a port of the system's choice. */
export async function startRecordingServer(address: string, handler: Handler): Promise<RecordingServer> {
  const requests: RecordedRequest[] = [];
  const server = createServer((request, response) => {
    requests.push(record(request, response));
    Promise.resolve(handler(request, response)).catch((fault: unknown) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end(String(fault));
    });
  });
  server.listen(0, address);
  await once(server, 'listening');

  return {
    origin: `http://${address}:${(server.address() as AddressInfo).port}`,
    requests,
    forget: () => {
      requests.length = 0;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The paths that were asked for with GET, and answered with a success or a redirect. */
export function served(requests: readonly RecordedRequest[]): string[] {
  return requests.filter(({ method, status }) => method === 'GET' && status < 400).map(({ url }) => url);
}

function record(request: IncomingMessage, response: ServerResponse): RecordedRequest {
  const entry: RecordedRequest = {
    method: request.method ?? '',
    url: request.url ?? '',
    headers: request.headers,
    authorization: authorizationKind(request.headers.authorization),
    status: 0,
    aborted: false,
  };
  response.once('close', () => {
    entry.status = response.statusCode;
    entry.aborted = !response.writableFinished;
  });
  return entry;
}

function authorizationKind(header: string | undefined): RecordedRequest['authorization'] {
  if (header === undefined) return 'none';
  const scheme = header.split(' ', 1)[0]?.toLowerCase();
  return scheme === 'basic' || scheme === 'bearer' ? scheme : 'other';
}
