import { lookup } from 'node:dns';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { isPublicAddress } from './address.ts';
import {
  DEFAULT_TIMEOUTS,
  sendAgain,
  type Timeouts,
  type Transport,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamResponse,
} from './transport.ts';

/** How long a connection is kept when an answer is not needed, in milliseconds. */
const DISCARD_TIME = 1000;

/** What sends a request: the module of its scheme, and the connections that are kept for it. */
interface Channel {
  readonly module: typeof http | typeof https;
  readonly agent: http.Agent;
}

/**
 * Makes the transport for Node: raw paths, no decompression, kept-alive connections.
 *
 * Over `node:http` and not undici, which adds more memory to a large body than a gateway promises.
 */
export function createNodeTransport(timeouts: Timeouts = {}): Transport {
  const limits = { ...DEFAULT_TIMEOUTS, ...timeouts };
  const open = createChannels();
  const guarded = createChannels(lookupPublic);

  return async (request) => {
    const channels = request.guarded ? guarded : open;
    const channel = request.origin.startsWith('https:') ? channels.https : channels.http;
    request.signal.throwIfAborted();
    try {
      return toResponse(await sendAgain(request, () => send(channel, request, limits)), limits.body);
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      if (error instanceof UpstreamError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new UpstreamError(`${request.origin}: ${reason}`, 502, { cause: error });
    }
  };
}

function createChannels(lookupFunction?: LookupFunction): {
  readonly http: Channel;
  readonly https: Channel;
} {
  const options = { keepAlive: true, ...(lookupFunction && { lookup: lookupFunction }) };
  return {
    http: { module: http, agent: new http.Agent(options) },
    https: { module: https, agent: new https.Agent(options) },
  };
}

function send(
  { module, agent }: Channel,
  { method, origin, path, headers, body, signal }: UpstreamRequest,
  { connect, headers: answer }: Required<Timeouts>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = module.request({ ...readOrigin(origin), method, path, headers, agent });
    // The option `signal` of a request takes as long as sending it.
    const abort = () => outgoing.destroy(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const late = () => outgoing.destroy(new UpstreamError(`${origin}: no answer in time`, 504));
    let timer = setTimeout(late, connect);
    whenConnected(outgoing, () => {
      clearTimeout(timer);
      timer = setTimeout(late, answer);
    });
    outgoing.once('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    outgoing.once('upgrade', (_, socket) => {
      socket.destroy();
      reject(new UpstreamError(`${origin}: the upstream changes the protocol`, 502));
    });
    outgoing.on('error', reject).once('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    });
    if (body) pipeline(Readable.from(body, { objectMode: false }), outgoing, () => {});
    else outgoing.end();
  });
}

// An origin as the URL standard writes it; parsing it as a URL takes a good part of the time of sending a request.
const ORIGIN = /^https?:\/\/(?:\[(.+)\]|([^:]+))(?::(\d+))?$/;

function readOrigin(origin: string): { readonly hostname: string; readonly port: string | undefined } {
  const [, address, name, port] = ORIGIN.exec(origin) ?? [];
  const hostname = address ?? name;
  // Without one, Node would connect to localhost.
  if (hostname === undefined) throw new UpstreamError(`${origin} is not an origin.`, 502);
  return { hostname, port };
}

/** Calls when a request has its connection, also one that was kept. */
function whenConnected(request: ClientRequest, then: () => void): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) then();
    else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', then);
  });
}

function toResponse(message: IncomingMessage, idle: number): UpstreamResponse {
  // A client that reads slowly stops the upstream too; only an upstream that is waited for can be late.
  message.setTimeout(idle, () => {
    if (!message.isPaused()) message.destroy(new UpstreamError('The body of the upstream stopped.', 504));
  });
  return {
    status: message.statusCode ?? 0,
    headers: Object.fromEntries(
      Object.entries(message.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    ),
    body: message,
    discard() {
      // Some registries announce a length with a redirect and send nothing: nobody waits for the rest here.
      const timer = setTimeout(() => message.destroy(), DISCARD_TIME).unref();
      message.on('error', () => {}).once('close', () => clearTimeout(timer));
      message.resume();
    },
  };
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
