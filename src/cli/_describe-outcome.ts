import type { RecordedOutcome } from '../logs/recorded.ts';

/** Says in a few words what a request gets, or got by what a log says. */
export function describeOutcome({ type, status, host, rule }: RecordedOutcome): string {
  const by = rule === undefined ? '' : ` by ${rule}`;
  const to = host === undefined ? '' : ` to ${host}`;
  const code = status === undefined ? '' : ` ${status}`;
  switch (type) {
    case 'pass':
      return 'no rule';
    case 'respond':
      return `answer${code}${by}`;
    case 'carry':
      return `answer made with ${host ?? 'nothing'}${by}`;
    case undefined:
      return status === undefined ? 'various' : `status${code}`;
    default:
      return `${type}${code}${to}${by}`;
  }
}
