import type { RuleSet } from '../core/compile.ts';
import type { CompiledRule } from '../core/compiled-rule.ts';
import type { EditedTarget } from '../rules/edit-target.ts';

/** What a change means to users. */
export interface MoveDescription {
  /** The rule. */
  readonly rule: string;
  /** The hosts that people use; empty for any. */
  readonly hosts: readonly string[];
  /** The protocol. */
  readonly protocol: string;
  /** The names that are meant; empty for every one. */
  readonly match: readonly string[];
  /** Where they led. */
  readonly from: readonly string[];
  /** Where they lead. */
  readonly to: readonly string[];
  /** Hosts that were none of the rule's before. */
  readonly added: readonly string[];
  /** Hosts that the rule no longer leads to. */
  readonly removed: readonly string[];
  /** Who connects to the hosts: the gateway alone, or clients that are redirected too. */
  readonly reachedBy: 'gateway' | 'clients';
  /** Whether a credential of the rule goes to a host where it did not go before. */
  readonly credential: boolean;
  /** The first line that changes, its old text and its new one. */
  readonly line: number;
  /** The lines that go. */
  readonly before: readonly string[];
  /** The lines that come. */
  readonly after: readonly string[];
}

/** Says what a change of a rule's upstreams means to users. */
export function describeMove(before: RuleSet, after: RuleSet, edited: EditedTarget): MoveDescription {
  const { rule: order, line, before: old, after: fresh } = edited;
  const [was, is] = [ruleAt(before, order), ruleAt(after, order)];
  const [from, to] = [listHosts(was), listHosts(is)];
  const added = to.filter((host) => !from.includes(host));
  return {
    rule: is.name,
    hosts: is.hosts,
    protocol: is.protocol.name,
    match: is.match,
    from,
    to,
    added,
    removed: from.filter((host) => !to.includes(host)),
    reachedBy: is.mode === 'proxy' ? 'gateway' : 'clients',
    credential: is.upstreams.some(({ host, authenticated }) => authenticated && added.includes(host)),
    line,
    before: old,
    after: fresh,
  };
}

/** The rule at a position of its file. */
function ruleAt({ rules }: RuleSet, order: number): CompiledRule {
  const found = rules.find((rule) => rule.order === order);
  if (!found) throw new TypeError(`There is no rule ${order}.`);
  return found;
}

function listHosts({ upstreams }: CompiledRule): readonly string[] {
  return [...new Set(upstreams.map(({ host }) => host))];
}

/** Formats what a change means, line by line. */
export function formatMove(
  move: MoveDescription,
  file: string,
  percent: number | undefined,
): readonly string[] {
  const names = [move.hosts.join(', ') || 'any host', move.protocol, move.match.join(', ') || 'every name'];
  return [
    `${move.rule}: ${names.join(', ')}`,
    `  led to ${move.from.join(', ')}, leads to ${move.to.join(', ')}${percent === undefined || percent === 100 ? '' : ` (the new one for ${percent} % of the clients)`}`,
    ...explainHosts(move),
    ...(move.credential
      ? [
          `  A credential of this rule will be sent to ${move.added.join(', ')}: see that it is the right one.`,
        ]
      : []),
    '',
    `${file}:${move.line}`,
    ...move.before.map((text) => `- ${text}`),
    ...move.after.map((text) => `+ ${text}`),
  ];
}

function explainHosts({ added, removed, reachedBy }: MoveDescription): readonly string[] {
  if (added.length === 0 && removed.length === 0) return ['  No host is new; nobody has to open a firewall.'];
  const who = reachedBy === 'gateway' ? 'The gateway alone' : 'Clients that are redirected, and the gateway,';
  return [
    ...(added.length > 0 ? [`  New: ${added.join(', ')}. ${who} must be able to reach it.`] : []),
    ...(removed.length > 0 ? [`  No longer needed by this rule: ${removed.join(', ')}.`] : []),
  ];
}
