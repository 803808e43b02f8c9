/**
 * Turnout as a handler of `node:http` servers.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RuleSet } from '../core/compile.ts';
import type { RuleSource } from '../core/rule-source.ts';
import { createNodeCore } from './_node-handler.ts';
import type { AdapterOptions } from './_options.ts';

export { createNodeTransport } from '../gateway/node-transport.ts';
export type { TrustProxy } from './_forwarded.ts';
export type { AccessRecord, AdapterOptions } from './_options.ts';

/** A handler of a Node server. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Options of `toNodeHandler`. */
export interface NodeHandlerOptions extends AdapterOptions {
  /** Handles what no rule takes, such as an Express application. Default an answer 404. */
  readonly next?: NodeHandler | undefined;
}

/**
 * Makes a handler for `http.createServer`.
 *
 * @example
 * http.createServer(toNodeHandler(rules, { next: app })).listen(8080);
 */
export function toNodeHandler(rules: RuleSet | RuleSource, options: NodeHandlerOptions = {}): NodeHandler {
  const handle = createNodeCore(rules, options);
  const { next } = options;
  if (!next) return handle;
  return (request, response) => handle(request, response, () => next(request, response));
}
