import type { ServerResponse } from 'node:http';

import type { Stoppable } from '../lab/cleanup.ts';
import { freePort } from '../lab/free-port.ts';
import { startRecordingServer } from '../lab/recording-server.ts';

/** What a server answers whatever it is asked; without a status, it hangs up. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A registry that is out of order. */
export interface FaultyRegistry extends Stoppable {
  readonly origin: string;
  /** Makes it answer so. */
  fail(fault: Fault): void;
  /** Makes it ask for a token of a server that answers so; of one that is not there, when left out. */
  failAtTokens(fault?: Fault): void;
}

/** Starts a registry that answers the ping, and anything else as it is told to. */
export async function startFaultyRegistry(): Promise<FaultyRegistry> {
  let fault: Fault = {};
  let tokenFault: Fault = {};
  const tokens = await startRecordingServer('127.0.0.4', (_, response) => answer(response, tokenFault));
  const nobody = `http://127.0.0.4:${await freePort('127.0.0.4')}`;
  const server = await startRecordingServer('127.0.0.2', (_, response) => answer(response, fault));
  const challenge = (origin: string): Fault => ({
    status: 401,
    headers: {
      'content-type': 'application/json',
      'www-authenticate': `Bearer realm="${origin}/token",service="lab"`,
    },
    body: JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }),
  });
  return {
    origin: server.origin,
    fail(next) {
      fault = next;
    },
    failAtTokens(next) {
      tokenFault = next ?? {};
      fault = challenge(next ? tokens.origin : nobody);
    },
    async stop() {
      await Promise.all([server.stop(), tokens.stop()]);
    },
  };
}

function answer(response: ServerResponse, { status, headers = {}, body = '' }: Fault): void {
  if (status === undefined) response.destroy();
  else response.writeHead(status, headers).end(body);
}
