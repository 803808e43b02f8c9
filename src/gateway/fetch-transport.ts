import type { ByteStream } from '../core/protocol.ts';
import { toReadableStream } from './streams.ts';
import {
  DEFAULT_TIMEOUTS,
  type Timeouts,
  type Transport,
  UpstreamError,
  type UpstreamResponse,
} from './transport.ts';

/**
 * Makes the transport for runtimes that have `fetch`: Workers, Deno, Bun, Node.
 *
 * `fetch` does not tell the address that it connects to, so that a public name of a private address is not noticed
 * here; where upstreams are not trusted, let the platform's network refuse it.
 */
export function createFetchTransport(timeouts: Timeouts = {}, fetcher: typeof fetch = fetch): Transport {
  const limits = { ...DEFAULT_TIMEOUTS, ...timeouts };

  return async ({ method, origin, path, headers, body, signal }) => {
    const abort = new AbortController();
    const onAbort = () => abort.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(
      () => abort.abort(new UpstreamError(`${origin}: no answer in time`, 504)),
      limits.connect + limits.headers,
    );
    try {
      const response = await fetcher(origin + path, {
        method,
        headers,
        redirect: 'manual',
        signal: abort.signal,
        ...(body && { body: toReadableStream(body), duplex: 'half' }),
      });
      return toResponse(response, abort, limits.body);
    } catch (error) {
      if (signal.aborted) throw error;
      if (abort.signal.aborted) throw abort.signal.reason;
      throw new UpstreamError(`${origin}: ${describe(error)}`, 502, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
}

function toResponse(response: Response, abort: AbortController, idle: number): UpstreamResponse {
  const headers: Record<string, string> = Object.fromEntries(response.headers);
  // `fetch` has decoded the body by now, so these are no longer true.
  if (headers['content-encoding'] !== undefined) {
    delete headers['content-encoding'];
    delete headers['content-length'];
  }
  return {
    status: response.status,
    headers,
    body: response.body ? limitIdle(response.body, abort, idle) : empty(),
    discard() {
      response.body?.cancel().catch(() => {});
    },
  };
}

/** Ends a body that pauses for too long. */
async function* limitIdle(
  body: ReadableStream<Uint8Array>,
  abort: AbortController,
  idle: number,
): ByteStream {
  const reader = body.getReader();
  try {
    for (;;) {
      const timer = setTimeout(
        () => abort.abort(new UpstreamError('The body of the upstream stopped.', 504)),
        idle,
      );
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function* empty(): ByteStream {}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
