import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';

/** One request as an upstream saw it. */
export interface SeenRequest {
  readonly method: string;
  /** The path with its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** A server on loopback that goes when the test does. */
export interface Upstream {
  /** Such as `http://127.0.0.2:4711`. */
  readonly origin: string;
  /** Such as `127.0.0.2:4711`. */
  readonly host: string;
  readonly port: number;
  /** Its requests, in the order they came. */
  readonly requests: readonly SeenRequest[];
  /** The paths of its requests. */
  readonly paths: readonly string[];
  /** The connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** The number of requests whose answer has neither ended nor been given up. */
  readonly underWay: number;
  /** How many connections there were. */
  readonly connections: number;
}

/** Answers a request; `count` is its number, from 1. */
export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** Expects something to become so within two seconds, or `timeout` milliseconds. */
export function eventually<T>(read: () => T, timeout = 2000): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { interval: 10, timeout });
}

/** Starts an HTTP server. */
export async function startUpstream(handler: Handler, address = '127.0.0.2'): Promise<Upstream> {
  const requests: SeenRequest[] = [];
  const unfinished = new Set<unknown>();
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    const count = requests.push({ method, url, headers });
    response.on('error', () => {});
    unfinished.add(response);
    response.once('close', () => unfinished.delete(response));
    handler(request, response, count);
  });
  return listen(server, address, requests, unfinished);
}

/** Starts a server that writes its answers byte for byte; `answer` gets each request's head. */
export async function startRawUpstream(
  answer: (socket: Socket, head: string, count: number) => void,
  address = '127.0.0.2',
): Promise<Upstream> {
  const requests: SeenRequest[] = [];
  const unfinished = new Set<unknown>();
  const server = createTcpServer((socket) => {
    let text = '';
    socket.once('close', () => unfinished.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        const [method = '', url = ''] = head.split(' ', 2);
        unfinished.add(socket);
        answer(socket, head, requests.push({ method, url, headers: {} }));
      }
    });
  });
  return listen(server, address, requests, unfinished);
}

/** An address of this machine where nothing listens. */
export async function unusedOrigin(): Promise<string> {
  const server = createTcpServer().listen(0, '127.0.0.2');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.2:${port}`;
}

async function listen(
  server: Server,
  address: string,
  requests: readonly SeenRequest[],
  unfinished: ReadonlySet<unknown>,
): Promise<Upstream> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, address);
  await once(server, 'listening');
  const stop = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(stop);
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://${address}:${port}`,
    host: `${address}:${port}`,
    port,
    requests,
    get paths() {
      return requests.map(({ url }) => url);
    },
    sockets,
    get underWay() {
      return unfinished.size;
    },
    get connections() {
      return connections;
    },
  };
}
