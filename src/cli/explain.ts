import type { Command } from 'commander';
import type { Decision } from '../core/decision.ts';
import { type Consideration, explain as explainRequest } from '../core/explain.ts';
import type { RequestDescriptor } from '../core/request.ts';
import { fail, print } from './_output.ts';
import { openRules, openStore, RULES_HELP } from './_rules.ts';

interface ExplainOptions {
  readonly rules: string;
  readonly request: string;
  readonly header: readonly string[];
  readonly ip?: string;
  readonly json?: boolean;
}

/** Adds `turnout explain`. */
export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('Say where a request goes, and why. Nothing is fetched.')
    .argument('<url>', 'the address that a client asks for; https unless it says otherwise')
    .option('--rules <rules>', RULES_HELP, 'turnout.yaml')
    .option('-X, --request <method>', 'the method', 'GET')
    .option('-H, --header <field>', "a header field, 'Name: value'; may be repeated", collect, [])
    .option('--ip <address>', "the client's address")
    .option('--json', 'print the decision as one line of JSON')
    .action(explain);
}

function collect(field: string, fields: readonly string[]): readonly string[] {
  return [...fields, field];
}

async function explain(url: string, options: ExplainOptions): Promise<void> {
  try {
    const request = toDescriptor(url, options);
    const source = await openRules(await openStore(options.rules));
    const { decision, considered, leadsTo } = explainRequest(source.current, request, {
      now: Date.now(),
      isFit: () => true,
    });
    if (options.json) print(JSON.stringify(decision));
    else {
      const lead = leadsTo.length > 0 ? [`  clients are sent on to ${leadsTo.join(', ')}`] : [];
      print(`${request.method} ${url}`, ...describe(decision), ...lead, '', ...considered.map(describeRule));
    }
  } catch (error) {
    fail(error);
  }
}

/** Reads the address byte for byte, as it would arrive; a URL parser would mend it. */
function toDescriptor(url: string, { request, header, ip }: ExplainOptions): RequestDescriptor {
  const [, scheme = 'https', authority = '', path, query] =
    /^(?:(https?):\/\/)?([^/?#]*)([^?#]*)(?:\?([^#]*))?/i.exec(url) ?? [];
  if (authority === '')
    throw new Error(`\`${url}\` has no host; write it whole, as in https://get.acme.dev/cli/1.0.`);
  const headers = Object.fromEntries(header.map(readField));
  return {
    method: request.toUpperCase(),
    scheme: scheme.toLowerCase() === 'http' ? 'http' : 'https',
    host: headers.host ?? authority,
    path: path || '/',
    query,
    headers,
    ip,
  };
}

function readField(field: string): [name: string, value: string] {
  const colon = field.indexOf(':');
  if (colon < 1) throw new Error(`\`${field}\` is not a header field; write 'Name: value'.`);
  return [field.slice(0, colon).trim().toLowerCase(), field.slice(colon + 1).trim()];
}

function describe(decision: Decision): readonly string[] {
  switch (decision.type) {
    case 'redirect':
      return [`  redirect ${decision.status} to ${decision.location}`, ...describeProvenance(decision)];
    case 'proxy':
      return [
        `  proxy ${decision.target}`,
        `  ${DELIVERIES[decision.delivery]}`,
        ...describeProvenance(decision),
      ];
    case 'respond':
      return [
        `  answer ${decision.status}${decision.body === '' ? '' : `: ${decision.body.trimEnd()}`}`,
        ...describeProvenance(decision),
      ];
    case 'carry':
      return ['  answered here, after asking the upstreams', ...describeProvenance(decision)];
    case 'pass':
      return ['  pass: no rule takes it'];
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
    ...(rule === undefined ? [] : [`  by rule ${rule} (${protocol})`]),
    ...Object.entries(params).map(([name, value]) => `    ${name} = ${value}`),
    ...(purl === undefined ? [] : [`  ${purl}`]),
  ];
}

function describeRule({ rule, chosen, reason }: Consideration): string {
  return `${chosen ? '→' : ' '} ${rule}: ${reason}`;
}
