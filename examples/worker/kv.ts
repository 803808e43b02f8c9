// A Worker whose rules are the value of a key in KV.
import { type FetchHandler, toFetchHandler } from 'turnout/fetch';
import { type PolledRules, pollRules } from 'turnout/rules/http';

interface Env {
  readonly RULES: { get(key: string): Promise<string | null> };
  /** For rules with `auth: client`: a secret that all isolates share. */
  readonly TURNOUT_TOKEN_KEY?: string;
}

const KEY = 'turnout.yaml';
let gateway: { readonly rules: PolledRules; readonly handle: FetchHandler } | undefined;

/** Makes the gateway of this isolate. KV is asked once in five seconds at most, and only the first request waits for it. */
function open({ RULES, TURNOUT_TOKEN_KEY }: Env): NonNullable<typeof gateway> {
  const store = {
    name: `KV ${KEY}`,
    async read() {
      const text = await RULES.get(KEY);
      if (text === null) throw new Error(`There is no ${KEY} in KV.`);
      return { text };
    },
    close() {},
  };
  const rules = pollRules(store, { poll: 5000, onError: (error) => console.error(error.message) });
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
