import type { RedirectStatus } from './decision.ts';
import type { Report } from './errors.ts';
import type { Rule } from './rule.ts';

/** Checks that the clients of the protocol follow the `status` of a rule. */
export function compileStatus({ status, protocol }: Rule, report: Report): RedirectStatus | undefined {
  const { name, statuses } = protocol;
  if (status !== undefined && statuses && !statuses.includes(status))
    report(
      'status_not_supported',
      ['status'],
      `Clients of \`${name}\` stop at ${status}; leave \`status\` out, or write ${statuses.join(' or ')}.`,
    );
  return status;
}
