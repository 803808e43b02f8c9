import type { CompiledCondition } from './condition.ts';
import type { RedirectStatus } from './decision.ts';
import type { Options } from './options.ts';
import type { Mode, Protocol, UpstreamInfo } from './protocol.ts';
import type { Params } from './target.ts';

/** A step of a schedule. */
export interface CompiledStep {
  /** The time from which on, in milliseconds since 1970. */
  readonly at: number;
  /** The weight. */
  readonly weight: number;
}

/** An upstream of a compiled rule. */
export interface CompiledUpstream extends UpstreamInfo {
  /** The address as written. */
  readonly url: string;
  /** Hosts to which it may lead the gateway beyond public https addresses. */
  readonly allow: readonly string[];
  /** Its share of the clients; `undefined` for none of its own. */
  readonly weight: number | undefined;
  /** The weights that it has from some times on, in milliseconds since 1970. */
  readonly ramp: readonly CompiledStep[] | undefined;
  /** For which requests it is; `undefined` for all. */
  readonly when: CompiledCondition | undefined;
  /** The path that tells whether it is in order. */
  readonly probe: string | undefined;
  /** The variables that its address cannot do without. */
  readonly needs: readonly string[];
  /** The name that a subject has there, or the path below which the mount is there. */
  place(params: Params, subject: string): string;
  /** The query that the address brings. */
  query(params: Params): string;
}

/** A rule that has been checked and prepared. */
export interface CompiledRule {
  /** The name, given or `rules[N]`. */
  readonly name: string;
  /** The position among the rules, from 0. */
  readonly order: number;
  /** The protocol. */
  readonly protocol: Protocol;
  /** The hosts as written; empty for any. */
  readonly hosts: readonly string[];
  /** The mount path, with a slash at both ends. */
  readonly at: string;
  /** The patterns as written; empty for every name. */
  readonly match: readonly string[];
  /** The syntax of the patterns. */
  readonly syntax: 'path-to-regexp' | 'rfc6570' | 'regexp';
  /** How its artifacts are delivered. */
  readonly mode: Mode;
  /** The status of redirects, when the rule sets it. */
  readonly status: RedirectStatus | undefined;
  /** Whether https may lead to http. */
  readonly downgrade: boolean;
  /** Whether the request's query is left out of the target. */
  readonly dropQuery: boolean;
  /** Whether its upstreams are one index together. */
  readonly merge: boolean;
  /** What the protocol wants to know besides. */
  readonly options: Options;
  /** Whether the next upstream is asked for what one does not have. */
  readonly seeksMissing: boolean;
  /** Whether it is looked where a redirect leads. */
  readonly checks: boolean;
  /** Whether no upstream has a weight, a schedule or a condition. */
  readonly plain: boolean;
  /** The header fields that show the notice; `undefined` without one. */
  readonly notice: Readonly<Record<string, string>> | undefined;
  /** The notice as written. */
  readonly noticeText: string | undefined;
  /** The upstreams in the order of fallback; empty when the rule has no `to`. */
  readonly upstreams: readonly CompiledUpstream[];
}
