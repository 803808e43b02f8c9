import type { RuleSet } from '../core/compile.ts';
import { createNodeTransport } from '../gateway/node-transport.ts';
import { createCollector, formatReport, verify } from '../verify/index.ts';
import { concealFindings } from './_secrets.ts';

/** What is to be verified: that clients of a rule get the same from where it is to lead as from where it leads. */
export interface Question {
  /** The rules as they are; the rule leads to one upstream. */
  readonly before: RuleSet;
  /** The rules as they are to be, when all of the change is made. */
  readonly after: RuleSet;
  /** The name of the rule. */
  readonly rule: string;
  /** What to verify; all that the upstream lists, or else the names that the rule consists of, when there are none. */
  readonly names: readonly string[];
  /** Takes secrets out of what is told. */
  readonly conceal: (text: string) => string;
}

/**
 * Verifies, and tells what it finds; gives whether everything is there and the same.
 *
 * @throws Error It cannot be told.
 */
export async function verifyMove(
  { before, after, rule: name, names, conceal }: Question,
  tell: (line: string) => void,
): Promise<boolean> {
  const rule = before.rules.find((each) => each.name === name);
  const [a = '', b = ''] = [before, after].map((rules) =>
    conceal(rules.rules.find((each) => each.name === name)?.upstreams[0]?.url.replace(/[?#].*$/, '') ?? ''),
  );
  // What names consist of text alone, the rule itself lists.
  const literal = rule?.match.every((pattern) => /^[\w@/.-]+$/.test(pattern)) ? rule.match : [];
  const collector = createCollector();
  const running = verify({
    a: before,
    b: after,
    rule: name,
    transport: createNodeTransport(),
    names: names.length > 0 ? names : literal,
  });
  let step = await running.next();
  for (; !step.done; step = await running.next())
    collector.add({ ...step.value, findings: concealFindings(step.value.findings, conceal) });
  const report = collector.report({ rule: name, a, b }, step.value, undefined);
  for (const line of formatReport(report).trimEnd().split('\n')) tell(conceal(line));
  if (report.result === 'unknown')
    throw new Error(
      'It cannot be told whether the new upstream serves the same; say what to look at with --name, or look yourself, with `turnout verify` above all, and say --no-verify.',
    );
  return report.result === 'same';
}
