/**
 * Turnout as middleware of Express 4 and 5, and of whatever calls middleware as they do.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RuleSet } from '../core/compile.ts';
import type { RuleSource } from '../core/rule-source.ts';
import { createNodeCore } from './_node-handler.ts';
import type { AdapterOptions } from './_options.ts';

export type { TrustProxy } from './_forwarded.ts';
export type { AccessRecord, AdapterOptions } from './_options.ts';

/** Express middleware. */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Makes middleware; a request that no rule takes goes on to the next.
 *
 * Mount it before middleware that reads bodies. Below a path (`app.use('/get', …)`) rules see the rest of the path, and
 * rewritten documents name the whole.
 *
 * @example
 * app.use(toExpressMiddleware(await loadRules('turnout.yaml', { watch: true })));
 */
export function toExpressMiddleware(
  rules: RuleSet | RuleSource,
  options: AdapterOptions = {},
): ExpressMiddleware {
  const handle = createNodeCore(rules, options);
  return (request, response, next) => handle(request, response, () => next());
}
