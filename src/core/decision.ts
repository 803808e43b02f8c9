import type { Resource } from './protocol.ts';

/** The statuses that a redirect may have (RFC 9110 §15.4). */
export type RedirectStatus = 301 | 302 | 303 | 307 | 308;

/** Where a decision comes from. */
export interface Provenance {
  /** The name of the rule; absent when no rule was needed. */
  readonly rule?: string | undefined;
  /** The name of the protocol. */
  readonly protocol?: string | undefined;
  /** What the request asks for, in the protocol's terms. */
  readonly resource?: Resource | undefined;
  /** What the variables of `match` stand for, as the bytes of the request. */
  readonly params?: Readonly<Record<string, string>> | undefined;
  /** The package URL of the artifact, under its public name. */
  readonly purl?: string | undefined;
}

/** The client is sent elsewhere. */
export interface RedirectDecision extends Provenance {
  /** The kind of decision. */
  readonly type: 'redirect';
  /** The status of the answer. */
  readonly status: RedirectStatus;
  /** The absolute address; its origin is one that a rule names. */
  readonly location: string;
  /** Header fields that the answer has besides, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The gateway fetches for the client. */
export interface ProxyDecision extends Provenance {
  /** The kind of decision. */
  readonly type: 'proxy';
  /** The absolute address; its origin is one that a rule names. */
  readonly target: string;
  /**
   * How the upstream's answer is handed on: `stream` passes its bytes, `rewrite` changes the document,
   * `relay` hands a redirect of the upstream to the client and streams anything else.
   */
  readonly delivery: 'stream' | 'rewrite' | 'relay';
  /** Header fields that the answer has besides, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The answer is made here. */
export interface RespondDecision extends Provenance {
  /** The kind of decision. */
  readonly type: 'respond';
  /** The status of the answer. */
  readonly status: number;
  /** The header fields by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; a HEAD request gets none of it. */
  readonly body: string;
}

/** The gateway makes the answer, with requests of its own if it takes some: a token for a client. */
export interface CarryDecision extends Provenance {
  /** The kind of decision. */
  readonly type: 'carry';
}

/** No rule of ours. */
export interface PassDecision {
  /** The kind of decision. */
  readonly type: 'pass';
}

/** What is done with a request. */
export type Decision = RedirectDecision | ProxyDecision | RespondDecision | CarryDecision | PassDecision;
