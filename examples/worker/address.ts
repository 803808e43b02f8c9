// A Worker whose rules are at an address.
import { type FetchHandler, toFetchHandler } from 'turnout/fetch';
import { type PolledRules, pollRules } from 'turnout/rules/http';

interface Env {
  /** Where the rules are. */
  readonly RULES_URL: string;
  /** A secret that is sent there, as `Authorization: Bearer`. */
  readonly RULES_TOKEN?: string;
  /** For rules with `auth: client`: a secret that all isolates share. */
  readonly TURNOUT_TOKEN_KEY?: string;
}

let gateway: { readonly rules: PolledRules; readonly handle: FetchHandler } | undefined;

/** Makes the gateway of this isolate. The address is asked once in five seconds at most, with `If-None-Match`. */
function open({ RULES_URL, RULES_TOKEN, TURNOUT_TOKEN_KEY }: Env): NonNullable<typeof gateway> {
  const rules = pollRules(RULES_URL, {
    token: RULES_TOKEN,
    poll: 5000,
    onError: (error) => console.error(error.message),
  });
  return { rules, handle: toFetchHandler(rules, { tokenKey: TURNOUT_TOKEN_KEY }) };
}

export default {
  async fetch(
    request: Request,
    env: Env,
    context: { waitUntil(look: Promise<unknown>): void },
  ): Promise<Response> {
    gateway ??= open(env);
    const { rules, handle } = gateway;
    try {
      await rules.refresh((look) => context.waitUntil(look));
    } catch (error) {
      // Only while this isolate has no rules yet.
      console.error(error);
      return new Response('The gateway has no rules.\n', { status: 503, headers: { 'retry-after': '5' } });
    }
    return handle(request);
  },
};
