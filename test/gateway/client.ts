import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';

/** An answer as a client received it. */
export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Whether it came whole. */
  readonly complete: boolean;
}

/** What a client sends. */
export interface Asked {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
}

/** Sends a request on a connection of its own, and reads the answer, also one that breaks off. */
export async function ask(origin: string, path: string, asked: Asked = {}): Promise<Received> {
  const response = await open(origin, path, asked);
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('error', () => {});
  await new Promise((resolve) => response.once('close', resolve));
  const { statusCode = 0, headers, complete } = response;
  return { status: statusCode, headers, body: Buffer.concat(chunks).toString(), complete };
}

/** Sends a request, and gives the answer when its head has come. */
export async function open(
  origin: string,
  path: string,
  { method = 'GET', headers, body }: Asked = {},
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(origin);
  const sent = request({ hostname, port, path, method, headers, agent: false });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  sent.on('error', () => {});
  return response;
}

/** Connects and sends bytes. */
export function send(port: number, bytes: string, host = '127.0.0.1'): Socket {
  const socket = connect(port, host);
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  return socket;
}

/** Sends bytes, and reads what comes until the connection ends. */
export async function exchangeBytes(port: number, bytes: string, host = '127.0.0.1'): Promise<string> {
  const socket = send(port, bytes, host);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}
