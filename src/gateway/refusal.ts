import type { Protocol } from '../core/protocol.ts';
import { type GatewayResponse, toResponse } from './response.ts';
import { UpstreamError, type UpstreamResponse } from './transport.ts';

/** What clients that wait are told to, in seconds, when the upstream does not say. */
const RETRY_AFTER = '10';

/** What of an upstream's refusal stays true of the same one in another form. */
const KEPT_FIELDS = [
  'allow',
  'content-range',
  'ratelimit-limit',
  'ratelimit-remaining',
  'retry-after',
  'warning',
];

const REASONS: Readonly<Record<number, string>> = {
  401: 'The upstream asks for a credential that it takes.',
  403: 'The upstream refuses this.',
  404: 'The upstream does not have this.',
  413: 'The body is too long.',
  429: 'The upstream takes no more requests for now.',
  502: 'The upstream gives no usable answer.',
  503: 'The upstream is out of service for now.',
  504: 'The upstream does not answer in time.',
  508: 'This request goes round in a circle.',
};

/** An answer that says why there is nothing, in the form of a protocol. */
export function toRefusal(
  protocol: Protocol,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): GatewayResponse {
  const message = REASONS[status] ?? 'The upstream refuses this request.';
  return toResponse(protocol.refuse({ status, message, headers: withPatience(status, headers) }));
}

/**
 * Puts an upstream's error into the form that the protocol's clients read; `undefined` when it is none, or has that
 * form. The clients are not told of an upstream's inner troubles as if they were the gateway's: 500 becomes 502.
 */
export function refuseAlike(
  protocol: Protocol,
  { status, headers }: UpstreamResponse,
): GatewayResponse | undefined {
  const { errorType } = protocol;
  if (status < 400 || errorType === undefined || isOfType(headers['content-type'], errorType))
    return undefined;
  const kept = Object.fromEntries(
    KEPT_FIELDS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
  return toRefusal(protocol, toGatewayStatus(status), kept);
}

/** Makes of an answer with an error of the protocol's own form what a gateway says. */
export function mendError(protocol: Protocol, response: GatewayResponse): GatewayResponse {
  const { status, headers } = response;
  if (status < 400 || protocol.errorType === undefined) return response;
  return { ...response, status: toGatewayStatus(status), headers: withPatience(status, headers) };
}

/** What no transport throws is a fault of a protocol, or ours: as bad for the client as one of the upstream. */
export function toUpstreamError(error: unknown, origin: string): UpstreamError {
  if (error instanceof UpstreamError) return error;
  return new UpstreamError(`${origin}: ${String(error)}`, 502, { cause: error });
}

function isOfType(field: string | undefined, type: string): boolean {
  return field?.split(';', 1)[0]?.trim().toLowerCase() === type;
}

function toGatewayStatus(status: number): number {
  return status < 500 || (status >= 502 && status <= 504) ? status : 502;
}

function withPatience(
  status: number,
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (headers['retry-after'] !== undefined || status === 508) return headers;
  return status === 429 || status >= 500 ? { ...headers, 'retry-after': RETRY_AFTER } : headers;
}
