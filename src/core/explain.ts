import type { RuleSet } from './compile.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { route, takes } from './decide.ts';
import type { Decision } from './decision.ts';
import { splitHost } from './host.ts';
import type { RequestDescriptor } from './request.ts';

/** What one rule makes of a request. */
export interface Consideration {
  /** The rule's name. */
  readonly rule: string;
  /** Whether the request follows it. */
  readonly chosen: boolean;
  /** Why, or why not; one sentence. */
  readonly reason: string;
}

/** A decision with the reasons for it. */
export interface Explanation {
  /** The decision. */
  readonly decision: Decision;
  /** Every rule, in the order in which they were written. */
  readonly considered: readonly Consideration[];
}

/** Decides, and says of every rule why the request follows it or why not. */
export function explain(ruleSet: RuleSet, request: RequestDescriptor): Explanation {
  const { decision, rule: chosen } = route(ruleSet, request);
  const considered = ruleSet.rules.map((rule) => ({
    rule: rule.name,
    chosen: rule === chosen,
    reason: rule === chosen ? 'It is the most specific rule that takes the request.' : findReason(ruleSet, rule, request, decision),
  }));
  return { decision, considered };
}

function findReason(ruleSet: RuleSet, rule: CompiledRule, request: RequestDescriptor, decision: Decision): string {
  if (decision.type === 'respond' && decision.rule === undefined && decision.protocol === undefined) return 'The request is not valid.';
  if (rule.hosts.length > 0 && !rule.hosts.some((host) => takesHost(host, request.host))) {
    return `Its host is ${rule.hosts.join(', ')}, the request's ${request.host}.`;
  }
  if (!request.path.startsWith(rule.at)) return `It is mounted at ${rule.at}.`;
  const resource = rule.protocol.parse({ ...request, path: request.path.slice(rule.at.length - 1) });
  if (!resource) return `The path is none of the protocol ${rule.protocol.name}.`;
  if (!takes(ruleSet, rule, request)) return `Its pattern ${rule.match} does not match ${rule.protocol.subject(resource) ?? request.path}.`;
  return 'A more specific rule, or an earlier one that is as specific, takes the request.';
}

function takesHost(pattern: string, host: string): boolean {
  const { name, port } = splitHost(host);
  if (pattern.startsWith('*.')) return name.endsWith(pattern.slice(1)) && name.length >= pattern.length;
  return pattern === name || pattern === `${name}:${port}`;
}
