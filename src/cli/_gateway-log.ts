import type { GatewayHooks } from '../gateway/gateway.ts';
import type { LogFormat } from './_access-log.ts';
import { complain, print } from './_output.ts';

/** Below this part of a limit, it is told. */
const LOW = 0.1;

/** Makes the hooks that tell on stderr what goes wrong with upstreams, or soon will, and on stdout what clients report. */
export function createGatewayLog(format: LogFormat): GatewayHooks {
  const low = new Set<string>();
  return {
    onUpstreamError: (error, { rule }) =>
      complain(`turnout: ${rule === undefined ? '' : `rule ${rule}: `}${error.message}`),
    onReport: ({ type, data }, { rule }) =>
      format === 'off' ||
      print(JSON.stringify({ time: new Date().toISOString(), msg: 'report', type, rule, data })),
    onGuardTrip: ({ rule, origin, asked, failed }) =>
      complain(
        `turnout: rule ${rule}: ${failed} of ${asked} requests failed at ${origin}, which loses its share until the rules are loaded anew.`,
      ),
    onUpstreamChange: (origin, inOrder) =>
      complain(
        `turnout: ${origin} ${inOrder ? 'is in order again' : 'is out of order, and is asked after the others'}.`,
      ),
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
