/** A request as the line of a log has it; what the line lacks is `undefined`. */
export interface LogEntry {
  /** The method, upper-case. */
  readonly method: string;
  /** The scheme that the client used. */
  readonly scheme: 'http' | 'https' | undefined;
  /** The authority that the client asked. */
  readonly host: string | undefined;
  /** The path as it was received. */
  readonly path: string;
  /** The query as it was received, without its `?`. */
  readonly query: string | undefined;
  /** The client's address. */
  readonly ip: string | undefined;
  /** The `User-Agent`. */
  readonly userAgent: string | undefined;
  /** The status of the answer; 0 when the client left before there was one. */
  readonly status: number | undefined;
  /** What Turnout's own log has besides. */
  readonly decision?: LoggedDecision | undefined;
}

/** What Turnout had decided, as its log says. */
export interface LoggedDecision {
  /** The type of the decision. */
  readonly type: string;
  /** The rule. */
  readonly rule: string | undefined;
  /** Where it led: the location of a redirect, the target of what was proxied. */
  readonly address: string | undefined;
}

/**
 * What a line of a log is: a request; `nothing` for a line that is none and is not meant to be one (a comment, a record of
 * another kind, a connection without a request); or `unreadable`.
 */
export type LogLine = LogEntry | 'nothing' | 'unreadable';

/** A request's target in a log: origin-form, or absolute-form with its scheme and host (RFC 9112 §3.2). */
export function readTarget(
  text: string,
): Pick<LogEntry, 'scheme' | 'host' | 'path' | 'query'> | 'nothing' | 'unreadable' {
  // RFC 9112 §3.2.3 and §3.2.4: CONNECT and OPTIONS of a whole server.
  if (text === '*' || /^[^/:?]+:\d+$/.test(text)) return 'nothing';
  const [, scheme, host] = /^(https?):\/\/([^/?#]+)/i.exec(text) ?? [];
  const rest = scheme === undefined ? text : text.slice(scheme.length + 3 + (host?.length ?? 0)) || '/';
  if (!rest.startsWith('/') && scheme === undefined) return 'unreadable';
  const mark = rest.indexOf('?');
  return {
    scheme: scheme === undefined ? undefined : scheme.toLowerCase() === 'http' ? 'http' : 'https',
    host,
    path: (mark === -1 ? rest : rest.slice(0, mark)) || '/',
    query: mark === -1 ? undefined : rest.slice(mark + 1),
  };
}

/** The value of a field where `-` stands for none. */
export function readValue(text: string | undefined): string | undefined {
  return text === undefined || text === '-' || text === '' ? undefined : text;
}

/** A status; `undefined` for what is none. */
export function readStatus(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{3}$/.test(text) ? Number(text) : undefined;
}
