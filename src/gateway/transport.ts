import type { ByteStream } from '../core/protocol.ts';

/** A request of the gateway to an upstream. */
export interface UpstreamRequest {
  /** The method. */
  readonly method: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** The path with its query, sent byte for byte. */
  readonly path: string;
  /** The header fields by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: ByteStream | undefined;
  /** Ends the exchange, also while the body streams. */
  readonly signal: AbortSignal;
  /**
   * Whether the address was chosen by an upstream and no rule names it: then the address that is connected to must be
   * a public one.
   */
  readonly guarded: boolean;
}

/** An upstream's answer. */
export interface UpstreamResponse {
  /** The status. */
  readonly status: number;
  /** The header fields by lower-case name; several of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; read it to its end, or `discard` it. */
  readonly body: ByteStream;
  /** Gives the connection back, or up, without reading the body. Never throws. */
  discard(): void;
}

/**
 * Sends one request and never follows a redirect.
 *
 * @throws UpstreamError The upstream cannot be reached or does not answer in time.
 */
export type Transport = (request: UpstreamRequest) => Promise<UpstreamResponse>;

/** How long the gateway waits for an upstream, in milliseconds. */
export interface Timeouts {
  /** For a connection. Default 10,000. */
  readonly connect?: number;
  /** For the header fields of an answer; registries sign addresses slowly. Default 60,000. */
  readonly headers?: number;
  /** Between two pieces of a body. Default 300,000. */
  readonly body?: number;
}

/** The timeouts where none are given. */
export const DEFAULT_TIMEOUTS: Required<Timeouts> = { connect: 10_000, headers: 60_000, body: 300_000 };

/** An upstream that gives no usable answer. */
export class UpstreamError extends Error {
  /** The name, by which other copies of this package know it too. */
  override readonly name = 'UpstreamError';
  /** The status for the client: 502, 504 when time ran out, or 429 when a token server wants fewer requests. */
  readonly status: 429 | 502 | 504;

  constructor(message: string, status: 429 | 502 | 504, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/**
 * Sends once more what may be sent twice, when the connection ended before anything of an answer came: upstreams close
 * kept connections just as they are used again.
 */
export async function sendAgain<T>(
  { method, body, signal }: UpstreamRequest,
  send: () => Promise<T>,
): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (body || signal.aborted || (method !== 'GET' && method !== 'HEAD') || !isDropped(error)) throw error;
    return send();
  }
}

function isDropped(error: unknown): boolean {
  const { code, cause } = error as { readonly code?: string; readonly cause?: unknown };
  return (
    code === 'UND_ERR_SOCKET' ||
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    (cause instanceof Error && isDropped(cause))
  );
}
