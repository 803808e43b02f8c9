import { compileMatch, type Match } from './compile-match.ts';
import { compileStatus } from './compile-status.ts';
import { compileUpstreams } from './compile-upstream.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { isNetwork, type NetworkLists } from './condition.ts';
import { type Report, RuleError, type RuleIssue } from './errors.ts';
import { formatAuthority, parseAuthority } from './host.ts';
import { checkOptions, type Options } from './options.ts';
import { hasDotSegment } from './request.ts';
import type { Rule } from './rule.ts';
import { createRuleIndex, type RuleIndex } from './rule-index.ts';

/** Compiled rules: immutable, swapped whole. */
export interface RuleSet {
  /** The rules, in the order in which they were written. */
  readonly rules: readonly CompiledRule[];
  /** What is doubtful but no mistake, such as a rule that can never be reached. */
  readonly warnings: readonly RuleIssue[];
  /**
   * The index that `decide` reads.
   *
   * @internal
   */
  readonly index: RuleIndex;
}

/** What rules may refer to. */
export interface CompileOptions {
  /** Lists of networks by name, for `when`. */
  readonly networks?: NetworkLists | undefined;
}

/**
 * Checks rules and builds the index that makes deciding independent of their number.
 *
 * @throws RuleError With every mistake of every rule.
 */
export function compileRules(rules: readonly Rule[], { networks = {} }: CompileOptions = {}): RuleSet {
  const errors: RuleIssue[] = [];
  const warnings: RuleIssue[] = [];
  const names = new Map<string, number>();
  const index = createRuleIndex();
  const compiled: CompiledRule[] = [];
  checkNetworks(networks, errors);
  for (const [order, rule] of rules.entries()) {
    const report = collect(errors, order);
    const mistakes = errors.length;
    const name = rule.name ?? `rules[${order}]`;
    checkName(name, names, order, report);
    const match = compileMatch(rule, report);
    const hosts = compileHosts(rule.host, report);
    const at = compileMount(rule, report);
    const upstreams = compileUpstreams(rule, match, hosts, networks, report, collect(warnings, order));
    const notice = compileNotice(rule, report);
    const merge = compileMerge(rule, report);
    const options = compileOptions(rule, report);
    const status = compileStatus(rule, report);
    if (errors.length > mistakes) continue;
    const result: CompiledRule = {
      name,
      order,
      protocol: rule.protocol,
      hosts,
      at,
      match: match.sources,
      syntax:
        typeof rule.match === 'object' && 'exec' in rule.match ? 'regexp' : (rule.syntax ?? 'path-to-regexp'),
      mode: rule.mode ?? 'auto',
      status,
      downgrade: rule.downgrade ?? false,
      dropQuery: rule.query === 'drop',
      merge,
      seeksMissing: rule.missing === 'next',
      checks: rule.check ?? false,
      plain: upstreams.every(({ weight, ramp, when }) => weight === undefined && !ramp && !when),
      options,
      notice,
      noticeText: rule.notice,
      upstreams,
    };
    if (!addToIndex(index, result, match)) warnUnreachable(result, collect(warnings, order));
    compiled.push(result);
  }
  if (errors.length > 0) throw new RuleError(errors);
  return { rules: compiled, warnings, index };
}

function compileMerge({ merge = false, protocol }: Rule, report: Report): boolean {
  if (merge && !protocol.merges)
    report(
      'merge_not_supported',
      ['merge'],
      `Indexes of \`${protocol.name}\` cannot be merged; leave \`merge\` out, and give each upstream a rule with the names that it owns.`,
    );
  return merge;
}

function checkNetworks(networks: NetworkLists, errors: RuleIssue[]): void {
  for (const [name, list] of Object.entries(networks)) {
    for (const [index, network] of list.entries()) {
      if (isNetwork(network)) continue;
      const message = `\`${network}\` is neither an address nor a network; write \`10.0.0.0/8\` or \`::1\`.`;
      errors.push({ code: 'invalid_value', path: ['networks', name, index], message });
    }
  }
}

const NO_OPTIONS: Options = {};

function compileOptions({ options = NO_OPTIONS, protocol }: Rule, report: Report): Options {
  const shape = protocol.options ?? {};
  checkOptions(shape, options, (code, key, message) => report(code, ['options', ...key], message));
  return options;
}

/** More would not fit into what clients read of a field beside the others. */
const MOST_NOTICE = 1000;

function compileNotice({ notice, protocol }: Rule, report: Report): CompiledRule['notice'] {
  if (notice === undefined) return undefined;
  if (!/^[ -~]+$/.test(notice) || notice.length > MOST_NOTICE) {
    report(
      'invalid_notice',
      ['notice'],
      `A notice goes into a header field; write one line of at most ${MOST_NOTICE} printable ASCII characters.`,
    );
    return undefined;
  }
  return protocol.announce?.(notice) ?? { warning: `299 - "${notice.replace(/["\\]/g, '\\$&')}"` };
}

/** Adds every alternative on every host; tells whether any of them has a place of its own. */
function addToIndex(index: RuleIndex, rule: CompiledRule, match: Match): boolean {
  const hosts = rule.hosts.length > 0 ? rule.hosts : [undefined];
  let reachable = false;
  for (const host of hosts) {
    for (const { pattern, names, query } of match.alternatives) {
      const taken = index.add(host, rule.at, pattern, { rule, names, query });
      reachable ||= !taken;
    }
  }
  return reachable;
}

function warnUnreachable(rule: CompiledRule, warn: Report): void {
  warn(
    'unreachable_rule',
    rule.match.length === 0 ? [] : ['match'],
    'This rule is never reached: an earlier rule has the same host, mount, protocol and pattern.',
  );
}

function collect(issues: RuleIssue[], order: number): Report {
  return (code, key, message) => issues.push({ code, path: ['rules', order, ...key], message });
}

function checkName(name: string, names: Map<string, number>, order: number, report: Report): void {
  const earlier = names.get(name);
  if (earlier === undefined) names.set(name, order);
  else
    report(
      'duplicate_name',
      ['name'],
      `Another rule, the ${ordinal(earlier + 1)}, is called \`${name}\` too; give each its own name.`,
    );
}

function compileHosts(host: Rule['host'], report: Report): readonly string[] {
  if (host === undefined) return [];
  if (typeof host === 'string') {
    const name = compileHost(host, ['host'], report);
    return name === undefined ? [] : [name];
  }
  if (host.length === 0)
    report(
      'invalid_host',
      ['host'],
      'The list of hosts is empty; name a host, or leave `host` out for any host.',
    );
  const hosts = host.flatMap((text, index) => compileHost(text, ['host', index], report) ?? []);
  return [...new Set(hosts)];
}

function compileHost(text: string, key: readonly (string | number)[], report: Report): string | undefined {
  const wildcard = text.startsWith('*.');
  const authority = parseAuthority(wildcard ? text.slice(2) : text);
  if (authority && !(wildcard && authority.port !== undefined))
    return (wildcard ? '*.' : '') + formatAuthority(authority);
  report('invalid_host', key, explainHost(text));
  return undefined;
}

function explainHost(text: string): string {
  if (text.includes('/'))
    return `\`${text}\` is more than a host; write the host alone and the path as \`at\`.`;
  if (text.includes('*'))
    return `\`${text}\` is not a host pattern; \`*\` stands for whole labels at the front, as in \`*.acme.dev\`, without a port.`;
  return `\`${text}\` is not a host; write a name such as \`get.acme.dev\`, in its ASCII form.`;
}

function compileMount({ at = '/', protocol }: Rule, report: Report): string {
  if (!/^\/(?:[\w\-.~!$&'()*+,;=:@/]|%[\dA-Fa-f]{2})*$/.test(at) || at.includes('//') || hasDotSegment(at)) {
    report(
      'invalid_mount',
      ['at'],
      `\`${at}\` is not a mount path; write a path that starts with a slash, such as \`/pypi/\`.`,
    );
  } else if (protocol.rootOnly && at !== '/') {
    report(
      'mount_not_supported',
      ['at'],
      `Clients of \`${protocol.name}\` ask at the root of a host only; leave \`at\` out and give it a host of its own if it needs one.`,
    );
  }
  return at.endsWith('/') ? at : `${at}/`;
}

function ordinal(number: number): string {
  const suffix = { 1: 'st', 2: 'nd', 3: 'rd' }[number % 10];
  return `${number}${suffix && Math.floor(number / 10) % 10 !== 1 ? suffix : 'th'}`;
}
