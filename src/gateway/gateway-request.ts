import type { Decision } from '../core/decision.ts';
import type { ByteStream } from '../core/protocol.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { GatewayResponse } from './response.ts';

/** A request to carry out. */
export interface GatewayRequest {
  /** The request as plain data. */
  readonly descriptor: RequestDescriptor;
  /** The body, when there is one. */
  readonly body?: ByteStream | undefined;
  /** Ends what is under way for this client. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of a request. */
export interface Outcome {
  /** The decision. */
  readonly decision: Decision;
  /** The answer; `undefined` when the request is none of ours, or its client has gone. */
  readonly response: GatewayResponse | undefined;
}
