import type { AccessRecord } from '../adapters/node.ts';
import type { Decision } from '../core/decision.ts';
import { single } from '../gateway/fields.ts';
import { print } from './_output.ts';

/** How requests are logged. */
export type LogFormat = 'json' | 'text' | 'off';

/** Makes the function that logs a request; the client's address is never written. */
export function createAccessLog(format: LogFormat): ((record: AccessRecord) => void) | undefined {
  if (format === 'off') return undefined;
  return format === 'json'
    ? (record) => print(JSON.stringify(toEntry(record)))
    : (record) => print(toLine(record));
}

function toEntry({ request, decision, status, complete, duration }: AccessRecord) {
  return {
    time: new Date().toISOString(),
    method: request.method,
    host: request.host,
    path: pathOf(request),
    status,
    ...(!complete && { complete }),
    type: decision.type,
    ...(decision.type !== 'pass' && {
      rule: decision.rule,
      protocol: decision.protocol,
      purl: decision.purl,
    }),
    ...placeOf(decision),
    ms: Math.round(duration * 10) / 10,
    userAgent: single(request.headers?.['user-agent']),
  };
}

function toLine({ request, decision, status, complete, duration }: AccessRecord): string {
  const { location, target } = placeOf(decision);
  const lead = location ?? target;
  const rule = decision.type === 'pass' ? '' : (decision.rule ?? '');
  const time = new Date().toISOString().slice(11, 19);
  return `${time} ${status}${complete ? '' : ' (broken off)'} ${request.method} ${request.host}${pathOf(request)}${lead ? ` → ${lead}` : ''} ${rule} ${Math.round(duration)} ms`;
}

function placeOf(decision: Decision): { location?: string; target?: string } {
  if (decision.type === 'redirect') return { location: decision.location };
  // The rule's own part of the query may be a secret from the environment; the client's is in the path.
  return decision.type === 'proxy' ? { target: decision.target.split('?', 1)[0] ?? '' } : {};
}

function pathOf({ path, query }: AccessRecord['request']): string {
  return query === undefined ? path : `${path}?${query}`;
}
