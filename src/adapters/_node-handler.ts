import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { RuleSet } from '../core/compile.ts';
import type { Decision } from '../core/decision.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { RuleSource } from '../core/rule-source.ts';
import { createGateway } from '../gateway/gateway.ts';
import type { GatewayRequest, Outcome } from '../gateway/gateway-request.ts';
import { callHook } from '../gateway/hook.ts';
import { createNodeTransport } from '../gateway/node-transport.ts';
import type { GatewayResponse } from '../gateway/response.ts';
import { createReadForwarded } from './_forwarded.ts';
import { type NodeRequest, readNodeRequest } from './_node-request.ts';
import { type AdapterOptions, checkPublicOrigin, isOurs } from './_options.ts';

/** Handles one request on Node; `next` gets what is not ours, and without it that is answered 404. */
export type NodeCore = (request: NodeRequest, response: ServerResponse, next?: () => void) => void;

/** Makes what the adapters for Node's own requests have in common. */
export function createNodeCore(rules: RuleSet | RuleSource, options: AdapterOptions): NodeCore {
  const { trustProxy = false, timeouts, transport, publicOrigin, onResponse, ...rest } = options;
  const origin = checkPublicOrigin(publicOrigin);
  const readForwarded = createReadForwarded(trustProxy);
  const gateway = createGateway(rules, { ...rest, transport: transport ?? createNodeTransport(timeouts) });

  return (request, response, next) => {
    const descriptor = readNodeRequest(request, readForwarded, origin);
    const started = onResponse ? performance.now() : 0;
    const asked = new NodeGatewayRequest(descriptor, hasBody(request) ? request : undefined);
    const settle = ({ decision, response: answer }: Outcome) => {
      if (next && !isOurs(decision)) return next();
      if (onResponse) watch(response, descriptor, decision, started, onResponse);
      // The client has gone, or the application could not wait and has answered.
      if (response.destroyed || response.headersSent) return asked.abort();
      send(response, answer ?? gateway.refuse(descriptor), request.method === 'HEAD');
    };
    const outcome = gateway.handle(asked);
    if (!(outcome instanceof Promise)) return settle(outcome);
    if (response.destroyed) asked.abort();
    else response.once('close', () => response.writableFinished || asked.abort());
    outcome.then(settle).catch(() => response.destroy());
  };
}

/** Its signal is made only when an upstream is asked: a redirect needs none, and it is dear. */
class NodeGatewayRequest implements GatewayRequest {
  readonly descriptor: RequestDescriptor;
  readonly body: NodeRequest | undefined;
  #controller: AbortController | undefined;

  constructor(descriptor: RequestDescriptor, body: NodeRequest | undefined) {
    this.descriptor = descriptor;
    this.body = body;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(): void {
    this.#controller?.abort();
  }
}

function hasBody({ headers }: NodeRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function send(response: ServerResponse, { status, headers, body }: GatewayResponse, head: boolean): void {
  response.writeHead(status, headers);
  if (head || typeof body === 'string') {
    response.end(head ? undefined : body);
    return;
  }
  pipe(body instanceof Readable ? body : Readable.from(body, { objectMode: false }), response);
}

/** As `pipeline` of `node:stream`, whose abort controller for each call takes longer than a small body. */
function pipe(source: Readable, response: ServerResponse): void {
  if (source.destroyed) {
    response.destroy();
    return;
  }
  // An answer that breaks off must not look complete.
  source.once('error', () => reset(response));
  source.once('close', () => source.readableEnded || response.destroy());
  response.once('error', () => response.destroy());
  response.once('close', () => source.destroy());
  source.pipe(response);
}

/** Resets a connection whose end would be that of the body too, as HTTP/1.0 has it. */
function reset({ req, socket }: ServerResponse): void {
  if (req.httpVersion === '1.0' && socket && !('encrypted' in socket)) socket.resetAndDestroy();
}

function watch(
  response: ServerResponse,
  request: RequestDescriptor,
  decision: Decision,
  started: number,
  onResponse: NonNullable<AdapterOptions['onResponse']>,
): void {
  const tell = () => {
    const { headersSent, statusCode, writableFinished: complete } = response;
    const status = headersSent ? statusCode : 0;
    callHook(() =>
      onResponse({ request, decision, status, complete, duration: performance.now() - started }),
    );
  };
  if (response.destroyed) tell();
  else response.once('close', tell);
}
