import type { Decision } from '../core/decision.ts';
import type { RequestDescriptor } from '../core/request.ts';
import type { GatewayHooks } from '../gateway/gateway.ts';
import type { Timeouts, Transport } from '../gateway/transport.ts';
import type { TrustProxy } from './_forwarded.ts';

/** What became of one request, when its answer has ended. */
export interface AccessRecord {
  /** The request. */
  readonly request: RequestDescriptor;
  /** The decision. */
  readonly decision: Decision;
  /** The status that was sent; 0 when the client had gone before. */
  readonly status: number;
  /** Whether the answer was sent whole. */
  readonly complete: boolean;
  /** From the request's arrival to the answer's end, in milliseconds. */
  readonly duration: number;
}

/** Options that every adapter has. */
export interface AdapterOptions extends GatewayHooks {
  /**
   * Whether `X-Forwarded-Proto`, `-Host` and `-For` are believed: from anybody (`true`, safe only where nobody but your
   * proxy can connect), or from these addresses and networks. They decide which rules apply and which addresses
   * rewritten documents name. Default `false`.
   */
  readonly trustProxy?: TrustProxy | undefined;
  /** The origin that rewritten documents name, such as `https://get.acme.dev`. Default that of each request. */
  readonly publicOrigin?: string | undefined;
  /** How long upstreams are waited for. */
  readonly timeouts?: Timeouts | undefined;
  /** How long an upstream may take to begin its answer when another one can be asked, in milliseconds. Default 5,000. */
  readonly patience?: number | undefined;
  /** Sends the gateway's own requests. Default `node:http` on Node, `fetch` elsewhere. */
  readonly transport?: Transport | undefined;
  /**
   * The secret with which tokens for the clients of `auth: client` are sealed: at least 32 characters, the same for all
   * instances that serve a host. Default one of the instance's own, which ends with it.
   */
  readonly tokenKey?: string | undefined;
  /** Told of every request of ours when its answer has ended. What it throws is ignored. */
  readonly onResponse?: ((record: AccessRecord) => void) | undefined;
}

/**
 * Checks `publicOrigin`.
 *
 * @throws TypeError It is not an origin.
 */
export function checkPublicOrigin(origin: string | undefined): string | undefined {
  if (origin === undefined) return undefined;
  if (/^https?:/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin) return origin;
  throw new TypeError(
    `publicOrigin: \`${origin}\` is not an origin; write scheme and host alone, as in \`https://get.acme.dev\`.`,
  );
}

/** A request that no rule can see, since it is malformed, is the host application's to refuse. */
export function isOurs(decision: Decision): boolean {
  return decision.type !== 'pass' && !(decision.type === 'respond' && decision.protocol === undefined);
}
