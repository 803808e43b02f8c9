import type { Finding } from './finding.ts';
import type { Report } from './report.ts';

const ENDINGS = {
  budget: 'It ended early: the budget of requests is used up.',
  interrupted: 'It ended early: it was interrupted.',
  unreachable: 'It ended early: an upstream does not answer any more.',
} as const;

/** Writes a report for people. */
export function formatReport(report: Report): string {
  const { rule, a, b, counts, demand, findings, omitted, stopped, result } = report;
  const lines = [
    `${rule}: A is ${a}, B is ${b}`,
    `${counts.checked} checked, ${counts.same} the same, ${counts.missing} missing, ${counts.differs} different, ${counts.unchecked} not checked; ${counts.requestsA + counts.requestsB} requests`,
    ...(counts.resumed > 0 ? [`${counts.resumed} of them were checked before.`] : []),
    ...(demand ? [describeDemand(demand)] : []),
    ...describe('Missing at B', findings, 'missing'),
    ...describe('Different', findings, 'differs'),
    ...describe('Could not be checked', findings, 'unchecked'),
    ...(omitted > 0 ? ['', `and ${omitted} findings more`] : []),
    '',
    ...(stopped ? [ENDINGS[stopped]] : []),
    CONCLUSIONS[result],
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

const CONCLUSIONS = {
  same: 'B serves what A serves.',
  differs: 'B does not serve what A serves.',
  unknown: 'It is not known whether B serves what A serves.',
} as const;

function describeDemand({ total, affected }: NonNullable<Report['demand']>): string {
  const share = total === 0 ? 0 : (100 * affected) / total;
  return `${affected} of ${total} logged downloads (${share.toFixed(1)} %) are of names with a finding.`;
}

function describe(title: string, findings: readonly Finding[], type: Finding['type']): readonly string[] {
  const own = findings.filter((finding) => finding.type === type);
  return own.length === 0 ? [] : ['', `${title}:`, ...own.flatMap(toLines)];
}

function toLines(finding: Finding): readonly string[] {
  const demand = finding.demand === undefined ? '' : ` [${finding.demand} downloads]`;
  const note = finding.note === undefined ? [] : [`      ${finding.note}`];
  switch (finding.type) {
    case 'missing':
      return [`  ${finding.name}: ${finding.what}${demand}`, ...note];
    case 'differs':
      return [
        `  ${finding.name}: ${finding.what}${demand}`,
        `      A ${finding.a}`,
        `      B ${finding.b}`,
        ...note,
      ];
    case 'unchecked':
      return [`  ${finding.name}: ${finding.what}: ${finding.reason}${demand}`, ...note];
  }
}

/** An upstream's text must not steer a terminal. */
function printable(line: string): string {
  return line.replace(/\p{Cc}/gu, '\u{fffd}');
}
