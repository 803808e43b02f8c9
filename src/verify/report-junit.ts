import type { Finding } from './finding.ts';
import type { Report } from './report.ts';

/**
 * Writes a report as JUnit XML: a test case for each finding that is kept, a failure where something is missing or differs
 * and an error where it could not be checked, and one for all that is the same.
 *
 * @see https://github.com/testmoapp/junitxml
 */
export function formatJunit({ rule, a, b, counts, findings, omitted, stopped }: Report): string {
  const suite = escapeXml(`turnout verify ${rule}`);
  const failures = findings.filter(({ type }) => type !== 'unchecked').length + (omitted > 0 ? 1 : 0);
  const errors = findings.length - (failures - (omitted > 0 ? 1 : 0)) + (stopped ? 1 : 0);
  const cases = [
    `    <testcase classname="${suite}" name="${counts.same} names are the same"/>`,
    ...findings.map((finding) => toCase(suite, finding)),
    ...(omitted > 0
      ? [toElement(suite, 'findings that are not shown', 'failure', `${omitted} findings more`)]
      : []),
    ...(stopped ? [toElement(suite, 'all of it', 'error', `stopped: ${stopped}`)] : []),
  ];
  const numbers = `tests="${cases.length}" failures="${failures}" errors="${errors}" skipped="0"`;
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${numbers}>`,
    `  <testsuite name="${suite}" ${numbers}>`,
    `    <properties><property name="a" value="${escapeXml(a)}"/><property name="b" value="${escapeXml(b)}"/></properties>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
  ].join('\n')}\n`;
}

function toCase(suite: string, finding: Finding): string {
  const name = `${finding.name}: ${finding.what}`;
  const note = finding.note === undefined ? '' : `; ${finding.note}`;
  switch (finding.type) {
    case 'missing':
      return toElement(suite, name, 'failure', `missing at B${note}`);
    case 'differs':
      return toElement(suite, name, 'failure', `A ${finding.a}, B ${finding.b}${note}`);
    case 'unchecked':
      return toElement(suite, name, 'error', finding.reason + note);
  }
}

function toElement(suite: string, name: string, kind: 'failure' | 'error', message: string): string {
  return `    <testcase classname="${suite}" name="${escapeXml(name)}"><${kind} message="${escapeXml(message)}"/></testcase>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Escapes a text for an attribute; what XML 1.0 §2.2 has no character for is replaced. */
export function escapeXml(text: string): string {
  return text
    .replace(/[&<>"'\t\n\r]/g, (character) => ENTITIES[character] ?? character)
    .replace(/[^ -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\u{fffd}');
}
