import type { CompiledRule } from '../core/compiled-rule.ts';
import { hostIn, type RequestOutcome } from '../core/outcome.ts';
import type { LogEntry } from './entry.ts';

/** What a log says that a request got: the status, and of Turnout's own log the decision too. */
export interface RecordedOutcome extends Omit<RequestOutcome, 'type'> {
  /** The type of the decision; `undefined` where only the status is known. */
  readonly type?: RequestOutcome['type'] | undefined;
}

/** Gathers what a log says of a request. */
export function toRecorded({ status, decision }: LogEntry): RecordedOutcome {
  if (!decision) return { status };
  const { type, rule, address } = decision;
  return {
    type: type as RequestOutcome['type'],
    // The status of what was proxied is the upstream's.
    status: type === 'redirect' || type === 'respond' ? status || undefined : undefined,
    host: address === undefined ? undefined : hostIn(address),
    rule,
    address,
  };
}

/**
 * Tells whether what a log says can be what rules give now. What it does not say, and what depends on more than the
 * request (the state of an upstream, the client's share, its credential), is no difference.
 *
 * @param rule - The rule that is followed now.
 */
export function agrees(
  before: RecordedOutcome,
  after: RequestOutcome,
  rule: CompiledRule | undefined,
): boolean {
  if (before.type === undefined) return agreesWithStatus(before.status ?? 0, after);
  if (before.type === 'pass' || after.type === 'pass') return before.type === after.type;
  if (before.rule !== after.rule) return false;
  // With the client's credential, or with what an upstream says, such a request becomes another.
  if (after.type === 'carry' || rule?.upstreams.some(({ delegated }) => delegated)) return true;
  if (before.type !== after.type) return false;
  if (before.status !== undefined && before.type !== 'proxy' && before.status !== after.status)
    return before.type === 'respond' && before.status === 304;
  const others = rule?.upstreams.map(({ host }) => host) ?? [];
  if (before.host !== after.host)
    return before.host !== undefined && others.length > 1 && others.includes(before.host);
  return others.length > 1 || before.address === undefined || before.address === after.address;
}

function agreesWithStatus(status: number, after: RequestOutcome): boolean {
  // The client left, or a server was out of order or refused for a reason of the moment.
  if (status === 0 || status === 408 || status === 429 || status === 499 || status >= 500) return true;
  const redirected = status >= 300 && status < 400 && status !== 304;
  switch (after.type) {
    case 'pass':
      return status === 404;
    case 'respond':
      return status === after.status || (status === 304 && after.status === 200);
    case 'redirect':
      return status === after.status;
    case 'proxy':
      return !redirected || after.relays === true;
    default:
      return true;
  }
}
