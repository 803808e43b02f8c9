import type { Protocol } from '../core/protocol.ts';
import type { GatewayResponse } from './response.ts';

/** An upstream's redirect that is handed on, with a status that the clients of the protocol follow. */
export function toFollowable(redirect: GatewayResponse, { statuses }: Protocol): GatewayResponse {
  if (!statuses || statuses.some((status) => status === redirect.status)) return redirect;
  return { ...redirect, status: statuses[0] ?? redirect.status };
}
