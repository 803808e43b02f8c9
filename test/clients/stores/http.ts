import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { freePort } from '../lab/free-port.ts';
import type { Store } from './store.ts';

const TOKEN = 'http-token';

/** How the server behaves. */
export type Manner = 'well' | 'fails' | 'hangs' | 'breaks off' | 'is endless';

/** A store that can misbehave. */
export interface HttpStore extends Store {
  /** Changes how it answers. */
  behave(manner: Manner): void;
  /** The statuses of its answers. */
  readonly answers: readonly number[];
}

/** Starts a web server with one text, for who has the token. */
export async function startHttpStore(): Promise<HttpStore> {
  const port = await freePort('127.0.0.3');
  const answers: number[] = [];
  let text = '';
  let manner: Manner = 'well';
  let server: Server;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const etag = `"${createHash('sha256').update(text).digest('hex')}"`;
    response.once('close', () => answers.push(response.statusCode));
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return void response.writeHead(401).end();
    switch (manner) {
      case 'fails':
        return void response.writeHead(503).end('not now');
      case 'hangs':
        return;
      case 'breaks off':
        response.writeHead(200, { 'content-length': Buffer.byteLength(text) });
        return void response.write(text.slice(0, -20), () => response.destroy());
      case 'is endless':
        sendEndless(response);
        return;
    }
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end();
    response.writeHead(200, { etag, 'content-type': 'application/yaml' }).end(text);
  }

  async function revive(): Promise<void> {
    server = createServer(answer).listen(port, '127.0.0.3');
    await once(server, 'listening');
  }
  async function kill(): Promise<void> {
    server.close();
    server.closeAllConnections();
  }
  await revive();
  return {
    address: `http://127.0.0.3:${port}/rules/turnout.yaml`,
    env: { TURNOUT_RULES_TOKEN: TOKEN },
    answers,
    behave(next) {
      manner = next;
    },
    async put(next) {
      text = next;
    },
    get: async () => text,
    kill,
    revive,
    stop: kill,
  };
}

function sendEndless(response: ServerResponse): void {
  response.writeHead(200);
  const piece = Buffer.alloc(64 * 1024, '# \n');
  const more = () => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
}
