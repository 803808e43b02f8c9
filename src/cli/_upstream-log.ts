import type { GatewayHooks } from '../gateway/gateway.ts';
import { complain } from './_output.ts';

/** Below this part of a limit, it is told. */
const LOW = 0.1;

/** Makes the hooks that tell on stderr what goes wrong with upstreams, or soon will. */
export function createUpstreamLog(): GatewayHooks {
  const low = new Set<string>();
  return {
    onUpstreamError: (error, { rule }) =>
      complain(`turnout: ${rule === undefined ? '' : `rule ${rule}: `}${error.message}`),
    onCredentialError: (error) => complain(`turnout: ${error.message}`),
    onRateLimit({ limit, remaining, window }, { rule, target }) {
      const key = `${rule} ${new URL(target).origin}`;
      if (remaining > limit * LOW) low.delete(key);
      else if (!low.has(key)) {
        low.add(key);
        const hours = window === undefined ? '' : ` in ${Math.round(window / 360) / 10} h`;
        complain(
          `turnout: rule ${rule}: ${remaining} of ${limit} requests${hours} are left at ${new URL(target).host}.`,
        );
      }
    },
  };
}
