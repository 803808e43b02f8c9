import type { Circumstances } from './choice.ts';
import type { RuleSet } from './compile.ts';
import type { CompiledRule, CompiledUpstream } from './compiled-rule.ts';
import { type Route, route } from './decide.ts';
import { type Explanation, explain } from './explain.ts';
import { type ChoiceExplanation, explainChoice } from './explain-choice.ts';
import type { Delivery, Protocol, Resource, RuleContext } from './protocol.ts';
import type { RequestDescriptor } from './request.ts';

/** An explanation with all that the rule which is followed brings about; what does not apply is left out. */
export interface Story extends Explanation {
  /** Which of the rule's upstreams, and why. */
  readonly choice?: ChoiceExplanation | undefined;
  /** How it is delivered, and why; sentences. */
  readonly delivery: readonly string[];
  /** Who proves what to whom: credentials, tokens, the realm that a client is sent to; sentences. */
  readonly credential: readonly string[];
  /** How what is asked for hangs together with other requests of the same client, where that limits the choice. */
  readonly tie?: string | undefined;
  /** What users of the rule are told. */
  readonly notice?: string | undefined;
}

/** A route that a rule gave. */
type Followed = Route & {
  readonly rule: CompiledRule;
  readonly protocol: Protocol;
  readonly resource: Resource;
  readonly context: RuleContext;
};

/** Explains a request, and of the rule that is followed: the upstream, the delivery, credentials, tie and notice. */
export function tellStory(
  ruleSet: RuleSet,
  request: RequestDescriptor,
  circumstances?: Circumstances,
): Story {
  const explanation = explain(ruleSet, request, circumstances);
  const found = route(ruleSet, request, circumstances);
  if (!isFollowed(found)) return { ...explanation, delivery: [], credential: [] };
  const { rule, protocol, resource } = found;
  const name = (protocol.independent && protocol.subject(resource)) || '';
  const tie = rule.upstreams.length > 1 ? explainTie(found) : undefined;
  return {
    ...explanation,
    ...(rule.upstreams.length > 0 && { choice: explainChoice(rule, request, name, circumstances) }),
    delivery: explainDelivery(found, request),
    credential: explainCredential(found),
    ...(tie !== undefined && { tie }),
    ...(rule.noticeText !== undefined && { notice: rule.noticeText }),
  };
}

function isFollowed(found: Route): found is Followed {
  return found.rule !== undefined && found.context !== undefined;
}

function explainDelivery(found: Followed, request: RequestDescriptor): readonly string[] {
  const { decision, protocol, resource, context, rule, upstream } = found;
  const wish = protocol.deliver(resource, context);
  const what = `\`${resource.type}\` of ${protocol.name}`;
  switch (decision.type) {
    case 'carry':
      return [`The gateway makes the answer for ${what}, with requests of its own to the upstreams.`];
    case 'respond':
      return [explainAnswer(wish, upstream, what)];
    case 'redirect':
      return explainRedirect(wish, rule, what);
    default:
      return wish.type === 'redirect' && upstream
        ? [`${what} could be redirected (${wish.status}), but ${explainHindrance(rule, upstream, request)}.`]
        : [`The gateway fetches ${what}.`, ...explainWish(found, request)];
  }
}

function explainAnswer(wish: Delivery, upstream: CompiledUpstream | undefined, what: string): string {
  if (wish.type === 'respond') return `The answer to ${what} is made here, and no upstream is asked.`;
  if (!upstream) return 'The rule has no upstream for this request.';
  if (wish.type === 'refer')
    return `The answer to ${what} is a document made here, which names the address at the upstream.`;
  return 'The address of the upstream cannot be written for this request.';
}

function explainRedirect(wish: Delivery, rule: CompiledRule, what: string): readonly string[] {
  if (wish.type === 'redirect' && wish.to !== undefined)
    return [`The options of the rule say where ${what} is, in every mode.`];
  const own = rule.status === undefined ? [] : [`The rule sets the status ${rule.status}.`];
  return [`Clients follow a redirect of ${what}, so its bytes take the short way.`, ...own];
}

/** What stands against a redirect that the protocol allows. */
function explainHindrance(
  rule: CompiledRule,
  upstream: CompiledUpstream,
  request: RequestDescriptor,
): string {
  if (rule.mode === 'proxy') return 'the rule has `mode: proxy`';
  if (upstream.authenticated && rule.mode === 'auto')
    return 'the upstream wants a credential, which no client carries there';
  return `the client asked over ${request.scheme} and the upstream is http, which clients refuse (\`downgrade: true\` allows it)`;
}

/** Why a protocol wants something fetched, found by asking it what it would want otherwise. */
function explainWish(found: Followed, request: RequestDescriptor): readonly string[] {
  const { protocol, resource, context, upstream } = found;
  const wishes = (other: Partial<RuleContext>): boolean =>
    protocol.deliver(resource, { ...context, ...other }).type === 'redirect';
  const plain = upstream && { ...upstream, authenticated: false, delegated: false };
  if (upstream?.authenticated && wishes({ upstream: plain, delegated: false }))
    return ['Without the credential that the upstream wants, it would be redirected.'];
  if (context.mode === 'proxy' && wishes({ mode: 'auto' }))
    return ['It would be redirected without `mode: proxy`.'];
  if (context.mode !== 'redirect' && wishes({ mode: 'redirect' }))
    return ['With `mode: redirect` it would be redirected, which not every client survives.'];
  return request.method === 'GET' || request.method === 'HEAD'
    ? ['In no mode is it redirected: some client does not follow, or finds its next address by this answer.']
    : [];
}

function explainCredential({
  protocol,
  resource,
  context,
  upstream,
  decision,
  place,
}: Followed): readonly string[] {
  if (context.delegated) {
    const asked = protocol.challenge?.(resource, context);
    return [
      upstream?.delegated
        ? `The client shows its own credential, which goes to ${upstream.origin} and to no other.`
        : 'Clients show their own credential here, because a rule on this host has `auth: client`.',
      ...(asked && !context.authorized ? [`A client that shows none is asked to: ${asked}.`] : []),
    ];
  }
  if (!upstream || decision.type === 'respond') return [];
  const late = protocol.authentication === 'challenge';
  const scope = place ? ` for \`${place}\`` : '';
  if (upstream.authenticated)
    return [
      `The gateway proves itself at ${upstream.origin} with the credential of the rule${late ? `, when it is asked to: to the token server (realm) and for the scope that the upstream names${scope}` : ', with the first request'}.`,
    ];
  if (!late) return [];
  return decision.type === 'redirect'
    ? [`At ${upstream.host} the client itself asks for a token, if it needs one.`]
    : [
        `If ${upstream.origin} wants a token, the gateway fetches one for anybody${scope}, from the token server (realm) that the upstream names; the client notices nothing.`,
      ];
}

function explainTie({ protocol, resource }: Followed): string {
  const tie = protocol.tie?.(resource);
  switch (tie?.type) {
    case 'content':
      return 'It is known by what it contains: any upstream may answer that has it.';
    case 'index':
      return `It opens the snapshot \`${tie.of}\`: what belongs to that comes from the same upstream for this client.`;
    case 'member':
      return `It belongs to the snapshot \`${tie.of}\`: only the upstream may answer from which this client has its index.`;
    default:
      return 'It is a name of its own: the upstreams are asked in their order.';
  }
}
