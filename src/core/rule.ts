import type { UpstreamCondition } from './condition.ts';
import type { Authentication } from './credential.ts';
import type { RedirectStatus } from './decision.ts';
import type { Expression } from './expression.ts';
import type { Options } from './options.ts';
import type { Mode, Protocol, Resource } from './protocol.ts';

/** One place where a rule leads. */
export interface UpstreamConfig {
  /** The address: host and path, https unless it says otherwise, with the variables of `match` in the path. */
  readonly url: string;
  /**
   * What the gateway proves itself with there, never sent to another host; or `client` for the credential that each
   * client shows.
   */
  readonly auth?: Authentication | undefined;
  /**
   * Hosts, with a port if it is not the scheme's, to which this upstream may lead the gateway although they are not
   * public https addresses: token servers and blob stores in a private network.
   */
  readonly allow?: readonly string[] | undefined;
  /**
   * Its share of the clients, in proportion to the other weights of the rule; a client stays with its upstream. With 0 it
   * gets nobody, and nobody falls back to it. Without a weight, beside others that have one, it is only fallen back to.
   */
  readonly weight?: number | undefined;
  /** The weights that it has from some times on, in their order. Before the first, `weight` or else 0. */
  readonly ramp?: readonly RampStep[] | undefined;
  /** For which requests it is. Default all. */
  readonly when?: UpstreamCondition | undefined;
  /** A path that is asked for now and then, to know whether the upstream is in order: `/healthz`. Default none. */
  readonly probe?: string | undefined;
}

/** A step of a schedule. */
export interface RampStep {
  /** The time from which on, in RFC 3339: `2026-12-01T08:00:00Z`. */
  readonly at: string;
  /** The weight. */
  readonly weight: number;
}

/** A rule as written: on this `host`, resources whose name `match`es go `to` there. */
export interface RuleConfig {
  /** The name in logs and decisions, unique in its set. Default `rules[N]`. */
  readonly name?: string | undefined;
  /** The host or hosts: `get.acme.dev`, `*.acme.dev`; with a port only that port. Default any host. */
  readonly host?: string | readonly string[] | undefined;
  /** The path below which the protocol is mounted. Default `/`. */
  readonly at?: string | undefined;
  /** The names, in path-to-regexp syntax, on the protocol's own name; of a list any. Default every name. */
  readonly match?: string | Expression | readonly string[] | undefined;
  /** The syntax of `match` and `to`: RFC 6570 templates are read only as far as they can be matched. Default path-to-regexp. */
  readonly syntax?: 'path-to-regexp' | 'rfc6570' | undefined;
  /** Where they are: one upstream, or several in the order of fallback. */
  readonly to?: string | UpstreamConfig | readonly (string | UpstreamConfig)[] | undefined;
  /**
   * `auto` redirects where every client survives it, `redirect` wherever the protocol allows it, `proxy` sends every
   * byte through the gateway. Default `auto`.
   */
  readonly mode?: Mode | undefined;
  /** The status of redirects of GET and HEAD requests. Default what the clients of the protocol take. */
  readonly status?: RedirectStatus | undefined;
  /** Whether a request over https may be redirected to an http address. Most clients refuse that. Default false. */
  readonly downgrade?: boolean | undefined;
  /** Whether the request's query is carried over to the target, behind the target's own. Default `keep`. */
  readonly query?: 'keep' | 'drop' | undefined;
  /** What the gateway proves itself with at every upstream that has no `auth` of its own. */
  readonly auth?: Authentication | undefined;
  /**
   * Whether the upstreams of `to` are one index together: what any of them has is there, and of what several have, the
   * first's. Default false: they are asked in order of fallback, and whoever knows a name answers alone.
   */
  readonly merge?: boolean | undefined;
  /** What the protocol wants to know besides. */
  readonly options?: Options | undefined;
  /**
   * What an upstream's 404 means: an answer, or that the next upstream is asked, as while a house is moved piece by piece.
   * Default `answer`.
   */
  readonly missing?: 'answer' | 'next' | undefined;
  /**
   * Whether the gateway looks with a HEAD, of which it keeps the answer for a short while, whether an upstream has what a
   * client is redirected to, and asks the next one if not. Default false.
   */
  readonly check?: boolean | undefined;
  /** What users of this rule are told by their clients: one line of printable ASCII. */
  readonly notice?: string | undefined;
}

/** A rule with its protocol, ready for `compileRules`. */
export interface Rule<R extends Resource = Resource> extends RuleConfig {
  /** The protocol of the resources. */
  readonly protocol: Protocol<R>;
}

/**
 * Makes a rule of a protocol.
 *
 * @example
 * rule(oci, { host: 'get.acme.dev', match: 'acme/*image', to: 'ghcr.io' })
 */
export function rule<R extends Resource>(protocol: Protocol<R>, config: RuleConfig): Rule<R> {
  return { ...config, protocol };
}
