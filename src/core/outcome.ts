import { CALM, type Circumstances } from './choice.ts';
import type { RuleSet } from './compile.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { type Route, route } from './decide.ts';
import type { Decision } from './decision.ts';
import { listParts } from './explain-choice.ts';
import type { RequestDescriptor } from './request.ts';

/** What a request gets, in brief: what is compared before and after a change of rules. */
export interface RequestOutcome {
  /** The type of the decision. */
  readonly type: Decision['type'];
  /** The status, where the decision has one. */
  readonly status?: number | undefined;
  /**
   * The host that it leads to; of a client whose address is not known, all that have a share: `a.example 95 %,
   * b.example 5 %`.
   */
  readonly host?: string | undefined;
  /** The rule. */
  readonly rule?: string | undefined;
  /** The whole address without the query of a proxied one, in which the rule may have put a secret. */
  readonly address?: string | undefined;
  /** Whether a redirect of the upstream is handed to the client. */
  readonly relays?: boolean | undefined;
}

/** Decides, and says in brief what came out. */
export function findOutcome(
  ruleSet: RuleSet,
  request: RequestDescriptor,
  circumstances: Circumstances = CALM,
): RequestOutcome {
  const found = route(ruleSet, request, circumstances);
  const { decision } = found;
  switch (decision.type) {
    case 'pass':
      return { type: 'pass' };
    case 'respond':
      return { type: 'respond', status: decision.status, rule: decision.rule };
    case 'carry':
      return { type: 'carry', host: hostOf(found, request, circumstances), rule: decision.rule };
    case 'proxy':
      return {
        type: 'proxy',
        host: hostOf(found, request, circumstances) ?? hostIn(decision.target),
        rule: decision.rule,
        address: decision.target.split('?', 1)[0],
        relays: decision.delivery === 'relay',
      };
    default:
      return {
        type: 'redirect',
        status: decision.status,
        host: leadsUpstream(found, decision.location)
          ? hostOf(found, request, circumstances)
          : hostIn(decision.location),
        rule: decision.rule,
        address: decision.location,
      };
  }
}

/** The host of an address; `undefined` when it has none. */
export function hostIn(address: string): string | undefined {
  return /^[a-z][a-z\d+.-]*:\/\/([^/?#]+)/i.exec(address)?.[1]?.toLowerCase();
}

function leadsUpstream({ upstream }: Route, location: string): boolean {
  return upstream !== undefined && hostIn(location) === upstream.host;
}

function hostOf(
  { rule, upstream }: Route,
  request: RequestDescriptor,
  circumstances: Circumstances,
): string | undefined {
  const shares =
    rule && request.ip === undefined && !rule.plain ? listShares(rule, request, circumstances) : [];
  if (shares.length < 2) return upstream?.host;
  return shares.map(({ host, part }) => `${host} ${Math.round(part * 1000) / 10} %`).join(', ');
}

/** The hosts that have a share, and how large it is. */
function listShares(
  rule: CompiledRule,
  request: RequestDescriptor,
  circumstances: Circumstances,
): readonly { readonly host: string; readonly part: number }[] {
  const parts = listParts(rule, request, circumstances);
  const shares = new Map<string, number>();
  for (const [number, { host }] of rule.upstreams.entries()) {
    const part = parts[number] ?? 0;
    if (part > 0) shares.set(host, (shares.get(host) ?? 0) + part);
  }
  return [...shares].map(([host, part]) => ({ host, part }));
}
