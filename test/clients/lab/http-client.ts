import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** An answer, at the end of all redirects. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The addresses of the redirects that led here. */
  readonly redirects: readonly string[];
}

/** What is asked beside the address. */
export interface HttpRequest {
  /** @default 'GET' */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How many redirects are followed. @default 5 */
  readonly follow?: number;
}

/** Asks for a path as it is written, and follows redirects with the same fields, as programs in Go do. */
export async function ask(origin: string, path: string, asked: HttpRequest = {}): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, follow = 5 } = asked;
  const { hostname, port } = new URL(origin);
  const sent = request({ hostname, port, path, method, headers });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const { statusCode: status = 0, headers: fields } = answer;
  const body = await buffer(answer);
  if (follow === 0 || status < 300 || fields.location === undefined) {
    return { status, headers: fields, body, redirects: [] };
  }
  const next = new URL(fields.location, origin);
  const end = await ask(next.origin, next.pathname + next.search, { ...asked, follow: follow - 1 });
  return { ...end, redirects: [next.href, ...end.redirects] };
}
