import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { RequestDescriptor } from '../core/request.ts';
import type { ReadForwarded } from './_forwarded.ts';
import { withoutDots } from './_without-dots.ts';

/** A Node request, also one that a framework has put below a mount. */
export type NodeRequest = IncomingMessage & { readonly baseUrl?: string };

// RFC 9112 §3.2.2: absolute-form.
const ABSOLUTE = /^(https?):\/\/([^/?#]*)(.*)$/is;

/**
 * Reads a Node request as plain data. What Node accepts and RFC 9112 §3.2 forbids (no host, several) gives a descriptor
 * that no rule takes.
 */
export function readNodeRequest(
  request: NodeRequest,
  readForwarded: ReadForwarded,
  origin: string | undefined,
): RequestDescriptor {
  const { headers, method = 'GET', socket, url = '' } = request;
  const [, , authority, rest] = url.startsWith('/') ? [] : (ABSOLUTE.exec(url) ?? []);
  const target = rest === undefined ? url : rest.startsWith('/') ? rest : `/${rest}`;
  const mark = target.indexOf('?');
  const forwarded = readForwarded(headers, socket.remoteAddress);
  return {
    method,
    scheme: forwarded.scheme ?? ((socket as Partial<TLSSocket>).encrypted ? 'https' : 'http'),
    host: forwarded.host ?? authority ?? (hasOneHost(request.rawHeaders) ? (headers.host ?? '') : ''),
    path: withoutDots(mark === -1 ? target : target.slice(0, mark)),
    query: mark === -1 ? undefined : target.slice(mark + 1),
    headers,
    ip: forwarded.ip ?? socket.remoteAddress,
    origin,
    base: request.baseUrl,
  };
}

/** Node keeps the first of several `Host` fields; RFC 9112 §3.2 wants the request refused. */
function hasOneHost(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count === 1;
}
