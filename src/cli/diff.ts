import type { Command } from 'commander';
import type { CompiledRule } from '../core/compiled-rule.ts';
import { clients } from '../known-clients/clients.ts';
import {
  type DecisionChange,
  type Difference,
  type DiffSide,
  diffRules,
  type KeyChange,
  type ReachedHost,
  type RuleDiff,
} from '../rules/diff.ts';
import { toSide } from '../rules/diff-side.ts';
import type { Conceal } from './_conceal.ts';
import { describeOutcome } from './_describe-outcome.ts';
import { EXIT, fail, print } from './_output.ts';
import { type ReadRules, readRules } from './_read-rules.ts';
import { RULES_HELP } from './_rules.ts';
import { readTime } from './_time.ts';

interface DiffCommandOptions {
  readonly at?: number;
  readonly json?: boolean;
}

/** Adds `turnout diff`. */
export function addDiff(program: Command): void {
  program
    .command('diff')
    .description('Say what one rule file does differently from another. Nothing is fetched.')
    .argument('<before>', `what is in force: ${RULES_HELP}`)
    .argument('<after>', 'what is to come, likewise')
    .option('--at <time>', 'the time of schedules, such as 2026-12-01T08:00:00Z; now by default', readTime)
    .option('--json', 'print one line of JSON')
    .action(diff);
}

async function diff(before: string, after: string, { at, json }: DiffCommandOptions): Promise<void> {
  try {
    const [old, fresh] = [await readRules(before), await readRules(after)];
    const toDiff = ({ text, ruleSet, name }: ReadRules): DiffSide => toSide(text, ruleSet, name);
    const found = diffRules(toDiff(old), toDiff(fresh), {
      circumstances: { now: at ?? Date.now(), isFit: () => true },
      requestsFor,
    });
    const conceal: Conceal = (text) => fresh.conceal(old.conceal(text));
    const lines = describe(found).map(conceal);
    process.exitCode = lines.length > 0 ? EXIT.mistakes : EXIT.ok;
    if (json)
      print(JSON.stringify(found, (_, value) => (typeof value === 'string' ? conceal(value) : value)));
    else print(...(lines.length > 0 ? lines : ['Nothing is different.']));
  } catch (error) {
    fail(error);
  }
}

/** What the first client of a protocol asks for a name, as far as it is that name's. */
function requestsFor({ protocol }: CompiledRule, name: string): readonly string[] {
  const client = clients.find((each) => each.protocol === protocol.name);
  const word = name.replace(/^\//, '');
  // Maven's names have a slash where its clients have a colon.
  const requests = client?.requests(word) ?? client?.requests(word.replace('/', ':')) ?? [];
  return requests
    .filter(({ method }) => method === 'GET')
    .map(({ path }) => path)
    .filter((path) => {
      const resource = protocol.parse({ method: 'GET', path });
      return resource !== undefined && (protocol.subjects === 'path' || protocol.subject(resource) === name);
    });
}

function describe({ rules, networks, asked, reached, fetched, decisions }: RuleDiff): readonly string[] {
  const named = [
    ...rules.added.map((name) => `  + ${name}`),
    ...rules.removed.map((name) => `  - ${name}`),
    ...rules.changed.flatMap(({ rule, keys }) => [`  ~ ${rule}`, ...keys.map(describeKey)]),
  ];
  return [
    ...under('Rules', named),
    ...under(
      'Lists of networks',
      networks.map((name) => `  ~ ${name}`),
    ),
    ...under('Hosts that clients ask here', describeHosts(asked)),
    ...under('Hosts to which clients may be sent', describeHosts(reached)),
    ...under('Hosts that the gateway may ask', describeHosts(fetched)),
    ...under('What leads elsewhere, by example', decisions.flatMap(describeChange)),
  ];
}

function under(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [title, ...lines];
}

function describeKey({ key, before, after }: KeyChange): string {
  const [old, fresh] = [before, after].map((value) =>
    value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value),
  );
  // Of a credential, nothing is shown that could differ.
  return old === fresh ? `      ${key}: another` : `      ${key}: ${old} → ${fresh}`;
}

function describeHosts({ added, removed }: Difference<ReachedHost>): readonly string[] {
  const line =
    (sign: string) =>
    ({ host, rules }: ReachedHost) =>
      `  ${sign} ${host} (${rules.join(', ')})`;
  return [...added.map(line('+')), ...removed.map(line('-'))];
}

function describeChange({ request, before, after }: DecisionChange): readonly string[] {
  const [old, fresh] = [describeOutcome(before), describeOutcome(after)];
  return [
    `  ${request}`,
    old === fresh ? `      ${before.address} → ${after.address}` : `      ${old} → ${fresh}`,
  ];
}
