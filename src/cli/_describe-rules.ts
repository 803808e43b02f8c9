import type { RuleSet } from '../core/compile.ts';
import type { CompiledRule } from '../core/compiled-rule.ts';
import { writeExample } from '../core/example.ts';

/** The most rules that are shown one by one. */
const MOST = 20;

/** Says what a rule set serves, with a line to try for each rule, as asked at `address`. */
export function describeRules({ rules }: RuleSet, address: string): readonly string[] {
  const shown = rules.slice(0, MOST).flatMap((rule) => describeRule(rule, address));
  return rules.length > MOST ? [...shown, `… and ${rules.length - MOST} more`] : shown;
}

function describeRule(rule: CompiledRule, address: string): readonly string[] {
  const origins = rule.upstreams.map(({ origin }) => origin).join(', ');
  const host = rule.hosts[0];
  // A rule for another host can be tried where its name leads here.
  const base =
    (host === undefined ? address : `https://${host.replace(/^\*/, '<name>')}`) + rule.at.slice(0, -1);
  return [
    `${rule.name}: ${rule.protocol.name} ${rule.match.join(', ') || 'everything'}${origins === '' ? '' : ` → ${origins}`}`,
    `  ${rule.protocol.usage(writeExample(rule), base)}`,
  ];
}
