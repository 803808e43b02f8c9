/**
 * Turnout as a `fetch` handler: Workers, Deno, Bun, Hono, Next.
 *
 * @module
 */
import type { RuleSet } from '../core/compile.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { RuleSource } from '../core/rule-source.ts';
import { createFetchTransport } from '../gateway/fetch-transport.ts';
import { createGateway } from '../gateway/gateway.ts';
import type { GatewayResponse } from '../gateway/response.ts';
import { toReadableStream } from '../gateway/streams.ts';
import { createReadForwarded, type ReadForwarded } from './_forwarded.ts';
import { type AdapterOptions, checkPublicOrigin, isOurs } from './_options.ts';

export type { TrustProxy } from './_forwarded.ts';
export type { AccessRecord, AdapterOptions } from './_options.ts';

/** A handler of requests of the Fetch standard. */
export type FetchHandler = (request: Request) => Promise<Response>;

/** Options of `toFetchHandler`. */
export interface FetchHandlerOptions extends AdapterOptions {
  /** `fetch` handlers do not know who connects, so that only everybody or nobody can be believed. Default `false`. */
  readonly trustProxy?: boolean | undefined;
  /** Handles what no rule takes. Default an answer 404. */
  readonly next?: ((request: Request) => Response | Promise<Response>) | undefined;
}

/**
 * Makes a `fetch` handler.
 *
 * @example
 * export default { fetch: toFetchHandler(rules) };
 */
export function toFetchHandler(rules: RuleSet | RuleSource, options: FetchHandlerOptions = {}): FetchHandler {
  const { trustProxy = false, timeouts, next, onResponse, onUpstreamError } = options;
  const origin = checkPublicOrigin(options.publicOrigin);
  const readForwarded = createReadForwarded(trustProxy);
  const gateway = createGateway(rules, {
    transport: options.transport ?? createFetchTransport(timeouts),
    onUpstreamError,
  });

  return async (request) => {
    const started = performance.now();
    const descriptor = readFetchRequest(request, readForwarded, origin);
    const { decision, response } = await gateway.handle({
      descriptor,
      body: request.body ?? undefined,
      signal: request.signal,
    });
    if (next && !isOurs(decision)) return next(request);
    const answer = response ?? gateway.refuse(descriptor);
    try {
      onResponse?.({
        request: descriptor,
        decision,
        status: answer.status,
        complete: true,
        duration: performance.now() - started,
      });
    } catch {
      // A hook that fails is no reason to fail a download.
    }
    return toFetchResponse(answer, request.method);
  };
}

/** Reads a request of the Fetch standard as plain data, without parsing its address again. */
function readFetchRequest(
  request: Request,
  readForwarded: ReadForwarded,
  origin: string | undefined,
): RequestDescriptor {
  const { url } = request;
  const authority = url.indexOf('//') + 2;
  const slash = url.indexOf('/', authority);
  const mark = url.indexOf('?', slash);
  const headers = Object.fromEntries(request.headers);
  const forwarded = readForwarded(headers, undefined);
  return {
    method: request.method,
    scheme: forwarded.scheme ?? (url.startsWith('https:') ? 'https' : 'http'),
    host: forwarded.host ?? url.slice(authority, slash),
    path: mark === -1 ? url.slice(slash) : url.slice(slash, mark),
    query: mark === -1 ? undefined : url.slice(mark + 1),
    headers,
    ip: forwarded.ip,
    origin,
  };
}

function toFetchResponse({ status, headers, body }: GatewayResponse, method: string): Response {
  const empty = method === 'HEAD' || body === '' || status === 204 || status === 304;
  return new Response(empty ? null : typeof body === 'string' ? body : toReadableStream(body), {
    status,
    headers,
  });
}
