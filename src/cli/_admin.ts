import { createServer, type Server } from 'node:http';

/** What the admin address tells. */
export interface AdminState {
  /** Whether the program has been asked to end. */
  readonly draining: boolean;
  /** What is wrong with the rule file as it is now; the rules of before serve. */
  readonly failure: string | undefined;
  /** The revision that serves. */
  readonly revision: string | undefined;
  /** The number of rules that serve. */
  readonly rules: number;
}

/** Makes the server of `/healthz` (the program runs) and `/readyz` (send it requests). */
export function createAdmin(read: () => AdminState): Server {
  return createServer((request, response) => {
    const state = read();
    const path = request.url?.split('?', 1)[0];
    const status = path === '/healthz' ? 200 : path === '/readyz' ? (state.draining ? 503 : 200) : 404;
    const body =
      status === 404
        ? { error: 'There are /healthz and /readyz here.' }
        : { status: state.draining ? 'draining' : 'ok', ...state };
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(`${JSON.stringify(body)}\n`);
  });
}
