/**
 * The gateway: carries decisions out over any transport.
 *
 * @module
 */
export { createFetchTransport } from './fetch-transport.ts';
export { createGateway, type Gateway, type GatewayHooks, type GatewayOptions } from './gateway.ts';
export type { GatewayRequest, Outcome } from './gateway-request.ts';
export type { GuardTrip } from './guard.ts';
export type { RateLimit } from './rate-limit.ts';
export type { GatewayResponse } from './response.ts';
export {
  type Timeouts,
  type Transport,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamResponse,
} from './transport.ts';
