import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { Agent, errors } from 'undici';
import { isPublicAddress } from './address.ts';
import {
  DEFAULT_TIMEOUTS,
  sendAgain,
  type Timeouts,
  type Transport,
  UpstreamError,
  type UpstreamResponse,
} from './transport.ts';

/** The most of a body that is read to keep a connection when an answer is not needed, in bytes. */
const DISCARD_LIMIT = 65_536;

/** Makes the transport for Node, over undici: raw paths, no decompression, kept-alive connections. */
export function createNodeTransport(timeouts: Timeouts = {}): Transport {
  const { connect, headers: headersTimeout, body: bodyTimeout } = { ...DEFAULT_TIMEOUTS, ...timeouts };
  const options = { headersTimeout, bodyTimeout };
  const open = new Agent({ ...options, connect: { timeout: connect } });
  const guarded = new Agent({ ...options, connect: { timeout: connect, lookup: lookupPublic } });

  return async (request) => {
    const { method, origin, path, headers, body, signal } = request;
    const agent = request.guarded ? guarded : open;
    try {
      const response = await sendAgain(request, () =>
        agent.request({
          method,
          origin,
          path,
          headers: { ...headers },
          body: body ? Readable.from(body, { objectMode: false }) : null,
          signal,
        }),
      );
      return toResponse(response);
    } catch (error) {
      if (signal.aborted) throw error;
      throw toUpstreamError(error, origin);
    }
  };
}

type UndiciResponse = Awaited<ReturnType<Agent['request']>>;

function toResponse({ statusCode, headers, body }: UndiciResponse): UpstreamResponse {
  return {
    status: statusCode,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    ),
    body,
    discard() {
      // Some registries announce a length with a redirect and send nothing: nobody waits for the rest here.
      body.on('error', () => {});
      body.dump({ limit: DISCARD_LIMIT, signal: AbortSignal.timeout(1000) }).catch(() => {});
    },
  };
}

function toUpstreamError(error: unknown, origin: string): UpstreamError {
  const timedOut =
    error instanceof errors.ConnectTimeoutError ||
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError;
  const reason = error instanceof Error ? error.message : String(error);
  return new UpstreamError(`${origin}: ${reason}`, timedOut ? 504 : 502, { cause: error });
}

/** Looks a name up and refuses answers that are not public, so that what was checked is what is connected to. */
const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0);
    const refused = addresses.find(({ address }) => !isPublicAddress(address));
    if (refused)
      return callback(
        new Error(`${hostname} is at ${refused.address}, which is not public; allow it in the rule`),
        '',
        0,
      );
    const [first] = addresses;
    return options.all ? callback(null, addresses) : callback(null, first?.address ?? '', first?.family);
  });
};
