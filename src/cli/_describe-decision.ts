import type { Decision } from '../core/decision.ts';

/** Says what is done with a request, and by which rule. */
export function describeDecision(decision: Decision): readonly string[] {
  switch (decision.type) {
    case 'redirect':
      return [`redirect ${decision.status} to ${decision.location}`, ...describeProvenance(decision)];
    case 'proxy':
      return [`proxy ${decision.target}`, DELIVERIES[decision.delivery], ...describeProvenance(decision)];
    case 'respond':
      return [
        `answer ${decision.status}${decision.body === '' ? '' : `: ${decision.body.trimEnd()}`}`,
        ...describeProvenance(decision),
      ];
    case 'carry':
      return ['answered here, after asking the upstreams', ...describeProvenance(decision)];
    case 'pass':
      return ['pass: no rule takes it'];
  }
}

const DELIVERIES = {
  stream: 'its bytes are handed on as they are',
  rewrite: 'the links in it are made to lead through here',
  relay: "a redirect of the upstream's is handed to the client, anything else as it is",
} as const;

function describeProvenance({
  rule,
  protocol,
  params = {},
  purl,
}: Exclude<Decision, { type: 'pass' }>): readonly string[] {
  return [
    ...(rule === undefined ? [] : [`by rule ${rule} (${protocol})`]),
    ...Object.entries(params).map(([name, value]) => `  ${name} = ${value}`),
    ...(purl === undefined ? [] : [purl]),
  ];
}
