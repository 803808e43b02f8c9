import type { Command } from 'commander';
import type { Consideration } from '../core/explain.ts';
import type { RequestDescriptor } from '../core/request.ts';
import { type Story, tellStory } from '../core/story.ts';
import { createNodeTransport } from '../gateway/node-transport.ts';
import type { Conceal } from './_conceal.ts';
import { describeDecision } from './_describe-decision.ts';
import { type ChainStep, followChain } from './_follow.ts';
import { fail, print } from './_output.ts';
import { readRules } from './_read-rules.ts';
import { findClient, type PlannedRequest, planRequests } from './_requests.ts';
import { RULES_HELP } from './_rules.ts';
import { readTime } from './_time.ts';

interface ExplainOptions {
  readonly rules: string;
  readonly request?: string;
  readonly header: readonly string[];
  readonly ip?: string;
  readonly at?: number;
  readonly as?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly all?: boolean;
}

/** Adds `turnout explain`. */
export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('Say where a request goes, and why. Nothing is fetched without --follow.')
    .argument('<url>', 'the address that a client asks for; https unless it says otherwise')
    .argument('[name...]', 'with --as, the names that the client asks for below that address')
    .option('--rules <rules>', RULES_HELP, 'turnout.yaml')
    .option('-X, --request <method>', 'the method; GET by default')
    .option('-H, --header <field>', "a header field, 'Name: value'; may be repeated", collect, [])
    .option('--ip <address>', "the client's address")
    .option('--at <time>', 'the time of schedules, such as 2026-12-01T08:00:00Z; now by default', readTime)
    .option('--as <client>', 'the client that asks: docker, pip, npm, apt, …')
    .option('--follow', 'really ask, and show each answer up to the last; no body is kept')
    .option('--json', 'print the decision as one line of JSON')
    .option('--all', 'with --json, the reasons too')
    .action(explain);
}

function collect(field: string, fields: readonly string[]): readonly string[] {
  return [...fields, field];
}

async function explain(url: string, names: readonly string[], options: ExplainOptions): Promise<void> {
  try {
    const client = options.as === undefined ? undefined : findClient(options.as);
    const planned = planRequests(url, names, client, options);
    const { ruleSet: rules, conceal } = await readRules(options.rules);
    const transport = options.follow ? createNodeTransport() : undefined;
    let told: readonly string[] = [];
    for (const plan of planned) {
      const story = tellStory(rules, plan.request, { now: options.at ?? Date.now(), isFit: () => true });
      const chain = transport && (await followChain({ rules, transport, conceal }, plan.request));
      if (options.json) printJson(plan, story, chain, conceal, options);
      else told = printStory(plan, story, chain, conceal, told);
    }
    if (client?.afterwards && planned.some(({ purpose }) => purpose) && !options.json)
      print('', client.afterwards);
  } catch (error) {
    fail(error);
  }
}

/** The decision stands first and as it is; only what is beside it was never promised. */
function printJson(
  { request, purpose }: PlannedRequest,
  { decision, ...story }: Story,
  chain: readonly ChainStep[] | undefined,
  conceal: Conceal,
  { all }: ExplainOptions,
): void {
  if (!all) {
    print(JSON.stringify(decision));
    return;
  }
  const rest = { request: `${request.method} ${addressOf(request)}`, purpose, ...story, chain };
  const text = JSON.stringify(rest, (_, value) => (typeof value === 'string' ? conceal(value) : value));
  print(`{"decision":${JSON.stringify(decision)},${text.slice(1)}`);
}

/** Prints a story, and gives back the reasons of the rules, which the next one need not repeat. */
function printStory(
  { request, purpose }: PlannedRequest,
  story: Story,
  chain: readonly ChainStep[] | undefined,
  conceal: Conceal,
  told: readonly string[],
): readonly string[] {
  const { decision, considered, leadsTo, choice, delivery, credential, tie, notice } = story;
  const lead = leadsTo.length > 0 ? [`clients are sent on to ${leadsTo.join(', ')}`] : [];
  const upstreams =
    choice && choice.upstreams.length > 1
      ? choice.upstreams.map(({ origin, turn, reason }) => `${turn ?? '–'} ${origin}: ${reason}`)
      : [];
  const lines = [
    ...describeDecision(decision),
    ...lead,
    ...delivery,
    ...upstreams,
    ...credential,
    ...(tie === undefined ? [] : [tie]),
    ...(notice === undefined ? [] : [`Users are told: ${notice}`]),
  ];
  const reasons = considered.map(describeRule);
  print(
    ...(told.length > 0 ? [''] : []),
    `${request.method} ${addressOf(request)}${purpose === undefined ? '' : ` (${purpose})`}`,
    ...lines.map((line) => `  ${conceal(line)}`),
    ...(chain ? ['', ...chain.flatMap(describeStep)] : []),
    ...(reasons.join('\n') === told.join('\n') ? [] : ['', ...reasons]),
  );
  return reasons;
}

function addressOf({ scheme, host, path, query }: RequestDescriptor): string {
  return `${scheme}://${host}${path}${query === undefined ? '' : `?${query}`}`;
}

function describeStep({ by, method, url, status, fields = {}, problem }: ChainStep): readonly string[] {
  const indent = by === 'gateway' ? '    ' : '  ';
  return [
    `${indent}${by}: ${method} ${url} → ${status ?? problem}`,
    ...Object.entries(fields).map(([name, value]) => `${indent}  ${name}: ${value}`),
  ];
}

function describeRule({ rule, chosen, reason }: Consideration): string {
  return `${chosen ? '→' : ' '} ${rule}: ${reason}`;
}
