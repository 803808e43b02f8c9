import type { ByteStream } from '../core/protocol.ts';
import { toReadableStream } from './streams.ts';
import {
  DEFAULT_TIMEOUTS,
  sendAgain,
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

  return async (request) => {
    const { method, origin, path, headers, body, signal } = request;
    const abort = new AbortController();
    const onAbort = () => abort.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const release = () => signal.removeEventListener('abort', onAbort);
    const timer = setTimeout(
      () => abort.abort(new UpstreamError(`${origin}: no answer in time`, 504)),
      limits.connect + limits.headers,
    );
    try {
      const response = await sendAgain(request, () =>
        fetcher(origin + path, {
          method,
          headers: { ...headers, 'accept-encoding': acceptEncoding(headers) },
          redirect: 'manual',
          signal: abort.signal,
          ...(body && { body: toReadableStream(body), duplex: 'half' }),
        }),
      );
      return toResponse(response, abort, limits.body, release);
    } catch (error) {
      release();
      if (signal.aborted) throw error;
      if (error instanceof UpstreamError) throw error;
      if (abort.signal.aborted) throw abort.signal.reason;
      throw new UpstreamError(`${origin}: ${describe(error)}`, 502, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
}

/** What `fetch` decodes everywhere. */
const DECODED = new Set(['gzip', 'x-gzip', 'deflate', 'br']);

/** A body arrives decoded, which is of use for a whole document alone; what is decoded of a part is no part any more. */
function acceptEncoding(headers: Readonly<Record<string, string>>): string {
  return headers['accept-encoding'] === 'gzip' && headers.range === undefined ? 'gzip' : 'identity';
}

/** `release` is called when the answer is done with: a signal may outlive many answers. */
function toResponse(
  response: Response,
  abort: AbortController,
  idle: number,
  release: () => void,
): UpstreamResponse {
  const headers: Record<string, string> = Object.fromEntries(response.headers);
  if ('' in headers) {
    // Node's `fetch` lets it pass, and no server can send it on.
    abort.abort();
    throw new UpstreamError('The upstream sends a field without a name.', 502);
  }
  const codings = headers['content-encoding']?.toLowerCase().split(',');
  if (codings?.every((coding) => DECODED.has(coding.trim()))) {
    delete headers['content-encoding'];
    delete headers['content-length'];
  }
  const { body } = response;
  if (!body) release();
  return {
    status: response.status,
    headers,
    body: body ? limitIdle(body, abort, idle, release) : empty(),
    discard() {
      release();
      body?.cancel().catch(() => {});
    },
  };
}

/** Ends a body that pauses for too long. */
async function* limitIdle(
  body: ReadableStream<Uint8Array>,
  abort: AbortController,
  idle: number,
  release: () => void,
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
    release();
    reader.cancel().catch(() => {});
  }
}

async function* empty(): ByteStream {}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
