/**
 * The gateway: carries decisions out over any transport.
 *
 * @module
 */
export { createFetchTransport } from './fetch-transport.ts';
export {
  createGateway,
  type Gateway,
  type GatewayOptions,
  type GatewayRequest,
  type Outcome,
} from './gateway.ts';
export type { GatewayResponse } from './response.ts';
export {
  type Timeouts,
  type Transport,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamResponse,
} from './transport.ts';
