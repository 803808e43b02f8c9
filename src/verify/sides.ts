import type { Rule, UpstreamConfig } from '../core/rule.ts';

/** The rules of both sides, which differ in where one rule leads. */
export interface SplitRules {
  /** The rules with the first upstream alone. */
  readonly a: readonly Rule[];
  /** The rules with the other one alone. */
  readonly b: readonly Rule[];
}

/**
 * Makes of rules those of both sides: the rule of that name leads to its first upstream alone, and to `to`, or else to its
 * second, alone. An address that the rule has among its upstreams keeps what stands beside it, its credential above all.
 *
 * @throws TypeError There is no such rule, or it has no second upstream.
 */
export function splitRules(rules: readonly Rule[], name: string, to?: string): SplitRules {
  const order = rules.findIndex((rule, index) => (rule.name ?? `rules[${index}]`) === name);
  const rule = rules[order];
  if (!rule) throw new TypeError(`There is no rule \`${name}\`; there is ${listNames(rules)}.`);
  const upstreams = listUpstreams(rule);
  const [first] = upstreams;
  if (!first) throw new TypeError(`The rule \`${name}\` leads nowhere.`);
  const other = to === undefined ? upstreams[1] : (upstreams.find(({ url }) => url === to) ?? { url: to });
  if (!other)
    throw new TypeError(`The rule \`${name}\` has one upstream; say with --to where it would lead.`);
  const only = (upstream: UpstreamConfig): readonly Rule[] =>
    rules.map((each, index) => (index === order ? leadTo(each, upstream) : each));
  return { a: only(first), b: only(other) };
}

/** One upstream, for everybody and always. */
function leadTo(rule: Rule, { url, auth, allow }: UpstreamConfig): Rule {
  return { ...rule, to: { url, auth, allow }, merge: false };
}

function listUpstreams({ to }: Rule): readonly UpstreamConfig[] {
  if (to === undefined) return [];
  const list = (Array.isArray(to) ? to : [to]) as readonly (string | UpstreamConfig)[];
  return list.map((upstream) => (typeof upstream === 'string' ? { url: upstream } : upstream));
}

function listNames(rules: readonly Rule[]): string {
  return rules.map(({ name }, index) => `\`${name ?? `rules[${index}]`}\``).join(', ');
}
