/**
 * Turnout as a `fetch` handler: Workers, Deno, Bun, Hono, Next.
 *
 * @module
 */
import type { RuleSet } from '../core/compile.ts';
import type { ByteStream } from '../core/protocol.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { RuleSource } from '../core/rule-source.ts';
import { createFetchTransport } from '../gateway/fetch-transport.ts';
import { createGateway } from '../gateway/gateway.ts';
import { callHook } from '../gateway/hook.ts';
import type { GatewayResponse } from '../gateway/response.ts';
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
  const { trustProxy = false, timeouts, transport, publicOrigin, next, onResponse, ...rest } = options;
  const origin = checkPublicOrigin(publicOrigin);
  const readForwarded = createReadForwarded(trustProxy);
  const gateway = createGateway(rules, { ...rest, transport: transport ?? createFetchTransport(timeouts) });

  return async (request) => {
    const started = performance.now();
    const descriptor = readFetchRequest(request, readForwarded, origin);
    const abort = followAbort(request.signal);
    const body = request.body ?? undefined;
    const { decision, response } = await gateway.handle({ descriptor, body, signal: abort.signal });
    if (next && !isOurs(decision)) return next(request);
    const tell = (status: number, complete: boolean) =>
      callHook(() =>
        onResponse?.({
          request: descriptor,
          decision,
          status,
          complete,
          duration: performance.now() - started,
        }),
      );
    const answer = response ?? (isOurs(decision) ? undefined : gateway.refuse(descriptor));
    if (!answer) {
      tell(0, false);
      // Nobody reads it; the number is nginx's.
      return new Response(null, { status: 499 });
    }
    return toFetchResponse(answer, request.method, abort, (complete) => tell(answer.status, complete));
  };
}

/** Makes what aborts when a signal does, and can be aborted besides. */
function followAbort(signal: AbortSignal): AbortController {
  const abort = new AbortController();
  if (signal.aborted) abort.abort(signal.reason);
  else signal.addEventListener('abort', () => abort.abort(signal.reason), { once: true });
  return abort;
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

function toFetchResponse(
  { status, headers, body }: GatewayResponse,
  method: string,
  abort: AbortController,
  onEnd: (complete: boolean) => void,
): Response {
  if (typeof body !== 'string' && method !== 'HEAD') {
    return new Response(toBody(body, abort, onEnd), { status, headers });
  }
  onEnd(true);
  return new Response(method === 'HEAD' || body === '' ? null : (body as string), { status, headers });
}

/** A body that tells how it ends, once, and ends what it comes from when its reader leaves. */
function toBody(
  body: ByteStream,
  abort: AbortController,
  onEnd: (complete: boolean) => void,
): ReadableStream<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  let left = false;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        if (left) return;
        if (!done) return controller.enqueue(value);
        controller.close();
        onEnd(true);
      } catch (error) {
        if (!left) onEnd(false);
        throw error;
      }
    },
    cancel() {
      left = true;
      onEnd(false);
      // The iterator alone would first wait for what it has asked for.
      abort.abort();
      iterator.return?.().catch(() => {});
    },
  });
}
