import type { Circumstances } from './choice.ts';
import type { RuleSet } from './compile.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { type Route, route, takes } from './decide.ts';
import type { Decision } from './decision.ts';
import { splitHost, takesName } from './host.ts';
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
  /** The hosts to which the upstream may send the client on, as far as they are known. */
  readonly leadsTo: readonly string[];
}

/** Decides, and says of every rule why the request follows it or why not. */
export function explain(
  ruleSet: RuleSet,
  request: RequestDescriptor,
  circumstances?: Circumstances,
): Explanation {
  const found = route(ruleSet, request, circumstances);
  const { decision } = found;
  const named = decision.type !== 'pass' && decision.rule !== undefined;
  const considered = ruleSet.rules.map((rule) => {
    const chosen = named && rule === found.rule;
    return { rule: rule.name, chosen, reason: chosen ? CHOSEN : findReason(ruleSet, rule, request, found) };
  });
  return { decision, considered, leadsTo: listHosts(found) };
}

/** Only a client that is redirected, here or by the upstream, reaches another host. */
function listHosts({ decision, protocol, upstream }: Route): readonly string[] {
  const leaves = decision.type === 'redirect' || (decision.type === 'proxy' && decision.delivery === 'relay');
  return (leaves && upstream && protocol?.leadsTo?.(upstream)) || [];
}

const CHOSEN = 'It is the most specific rule that takes the request.';
const OUTDONE = 'A more specific rule, or an earlier one that is as specific, takes the request.';
const UNNAMED = 'The request names nothing that a rule could match, and is answered here.';

function findReason(
  ruleSet: RuleSet,
  rule: CompiledRule,
  request: RequestDescriptor,
  { decision, protocol }: Route,
): string {
  if (decision.type === 'respond' && protocol === undefined) return 'The request is not valid.';
  if (rule.hosts.length > 0 && !rule.hosts.some((host) => takesHost(host, request.host))) {
    return `Its host is ${rule.hosts.join(', ')}, the request's ${request.host}.`;
  }
  if (!request.path.startsWith(rule.at)) return `It is mounted at ${rule.at}.`;
  const resource = rule.protocol.parse({ ...request, path: request.path.slice(rule.at.length - 1) });
  if (!resource) return `The path is none of the protocol ${rule.protocol.name}.`;
  const subject = rule.protocol.subject(resource);
  if (subject === undefined) return decision.type === 'respond' ? UNNAMED : OUTDONE;
  if (takes(ruleSet, rule, request)) return OUTDONE;
  if (protocol?.exclusive && protocol.name !== rule.protocol.name)
    return `The path is one of the protocol ${protocol.name} alone.`;
  const query = request.query && rule.protocol.subjects === 'path' ? `?${request.query}` : '';
  return `${describePatterns(rule.match)} not match ${subject || request.path}${query}.`;
}

function describePatterns(match: readonly string[]): string {
  return match.length === 1 ? `Its pattern ${match[0]} does` : `Its patterns ${match.join(', ')} do`;
}

function takesHost(pattern: string, host: string): boolean {
  const { name, port } = splitHost(host);
  return takesName(pattern, name) || pattern === `${name}:${port}`;
}
