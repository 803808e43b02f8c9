import { closeSync, openSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { RuleSet } from '../core/compile.ts';
import type { Rule, UpstreamConfig } from '../core/rule.ts';
import { createNodeTransport } from '../gateway/node-transport.ts';
import {
  type Checked,
  createCollector,
  findInventory,
  formatJunit,
  formatReport,
  type Inventory,
  inventories,
  type LoggedDemand,
  readDemand,
  splitRules,
  verify,
} from '../verify/index.ts';
import { openJournal, readLines } from './_journal.ts';
import { complain, EXIT, fail, print } from './_output.ts';
import { environmentOf, openRules, openStore, RULES_HELP } from './_rules.ts';
import { concealFindings, createConceal, listSecrets } from './_secrets.ts';

/** The environment's name for the `Authorization` that a client would show, for upstreams with `auth: client`. */
const AUTHORIZATION = 'TURNOUT_CLIENT_AUTHORIZATION';

interface CommandOptions {
  readonly rules: string;
  readonly rule: string;
  readonly to?: string;
  readonly name: readonly string[];
  readonly names?: string;
  readonly log?: string;
  readonly as?: string;
  readonly deep?: boolean;
  readonly concurrency: number;
  readonly budget?: number;
  readonly timeout: number;
  readonly resume?: string;
  readonly json?: boolean;
  readonly junit?: string;
  readonly report?: string;
}

/** Adds `turnout verify`. */
export function addVerify(program: Command): void {
  program
    .command('verify')
    .description(
      'Prove that another upstream serves what a rule serves now, before its line is changed. Nothing is written there.',
    )
    .option('--rules <rules>', RULES_HELP, 'turnout.yaml')
    .requiredOption('--rule <name>', 'the rule')
    .option('--to <address>', "where it would lead; by default the second upstream of the rule's `to`")
    .option('--name <name...>', 'what to verify: images, packages, suites, paths', collect, [])
    .option('--names <file>', 'the same, one a line')
    .option('--log <file>', 'an access log of serve in JSON lines: names, and how much each is in demand')
    .option('--as <protocol>', `what there is and when it is the same: ${listInventories()}`)
    .option('--deep', 'compare large files byte by byte')
    .option('--concurrency <number>', 'how much is checked at a time', readCount, 8)
    .option('--budget <requests>', 'the most requests to both upstreams together', readCount)
    .option('--timeout <seconds>', 'how long an upstream may take for an answer', readCount, 30)
    .option('--resume <file>', 'note what is finished here, and go on where it was left')
    .option('--json', 'print the report as JSON')
    .option('--junit <file>', 'write the report as JUnit XML')
    .option('--report <file>', 'write every finding as a line of JSON, as it is found')
    .addHelpText(
      'after',
      `\nExit codes: 0 both serve the same, 1 something is missing or differs, 2 it could not be told.\nFor rules with auth: client, ${AUTHORIZATION} is what a client would show, such as "Basic …".`,
    )
    .action(run);
}

async function run(options: CommandOptions): Promise<void> {
  const taken = new Set([process.env[AUTHORIZATION] ?? '']);
  const conceal = createConceal(taken);
  try {
    const loaded = await loadSides(options, taken);
    for (const secret of listSecrets(loaded.rules)) taken.add(secret);
    await compare(options, loaded, conceal);
  } catch (error) {
    if (error instanceof Error) error.message = conceal(error.message);
    fail(error);
  }
}

interface LoadedSides {
  readonly a: RuleSet;
  readonly b: RuleSet;
  readonly rules: readonly Rule[];
  readonly places: { readonly a: string; readonly b: string };
}

/** The environment, of which it is noted what is taken: all of it may be secret. */
function watchEnvironment(env: NodeJS.ProcessEnv, taken: Set<string>): NodeJS.ProcessEnv {
  return new Proxy(env, {
    get(target, name) {
      const value = typeof name === 'string' ? target[name] : undefined;
      if (value !== undefined) taken.add(value);
      return value;
    },
  });
}

async function loadSides(
  { rules: address, rule, to }: CommandOptions,
  taken: Set<string>,
): Promise<LoadedSides> {
  let written: readonly Rule[] = [];
  const places = { a: '', b: '' };
  const load = async (side: 'a' | 'b'): Promise<RuleSet> => {
    const store = await openStore(address);
    const source = await openRules(store, {
      env: watchEnvironment(environmentOf(store), taken),
      transform(rules) {
        written = rules;
        const split = splitRules(rules, rule, to)[side];
        places[side] = placeOf(split, rule);
        return split;
      },
    });
    source.close();
    return source.current;
  };
  return { a: await load('a'), b: await load('b'), rules: written, places };
}

async function compare(
  options: CommandOptions,
  { a, b, places }: LoadedSides,
  conceal: (text: string) => string,
): Promise<void> {
  const { rule: name, log, deep, concurrency, budget, timeout } = options;
  const rule = a.rules.find((each) => each.name === name);
  const inventory = chooseInventory(options.as, rule?.protocol.name ?? '');
  const demand = log === undefined ? undefined : await readDemand(readLines(log), name);
  const about = { rule: name, a: conceal(places.a), b: conceal(places.b) };
  const journal = options.resume === undefined ? undefined : await openJournal(options.resume, about);
  const report = options.report === undefined ? undefined : openSync(options.report, 'w', 0o600);
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once('SIGINT', onSignal);
  const collector = createCollector();
  const progress = createProgress();
  const take = (checked: Checked): void => {
    const told = { ...checked, findings: concealFindings(checked.findings, conceal) };
    collector.add(told);
    for (const finding of told.findings) if (report !== undefined) writeLine(report, finding);
    progress.step(told.findings.length);
  };
  try {
    for await (const checked of journal?.earlier() ?? []) take(checked);
    const running = verify({
      a,
      b,
      rule: name,
      transport: createNodeTransport(),
      inventory,
      names: listNames(options, { demand, inventory, mount: rule?.at ?? '/', match: rule?.match ?? [] }),
      deep,
      concurrency,
      budget,
      timeout: timeout * 1000,
      authorization: process.env[AUTHORIZATION],
      journal: journal && {
        has: journal.has,
        finish: (name, findings) => journal.finish(name, concealFindings(findings, conceal)),
      },
      demand,
      signal: interrupt.signal,
    });
    let step = await running.next();
    for (; !step.done; step = await running.next()) take(step.value);
    progress.end();
    const result = collector.report(about, step.value, demand?.total);
    if (options.junit !== undefined) await writeFile(options.junit, formatJunit(result), { mode: 0o600 });
    if (options.json) print(JSON.stringify(result, null, 2));
    else process.stdout.write(formatReport(result));
    process.exitCode = { same: EXIT.ok, differs: EXIT.mistakes, unknown: EXIT.failed }[result.result];
  } finally {
    progress.end();
    process.off('SIGINT', onSignal);
    journal?.close();
    if (report !== undefined) closeSync(report);
  }
}

function writeLine(descriptor: number, data: unknown): void {
  writeSync(descriptor, `${JSON.stringify(data)}\n`);
}

function chooseInventory(as: string | undefined, protocol: string): Inventory {
  if (as === undefined) return findInventory(protocol);
  const found = inventories.find(({ name }) => name === as);
  if (!found) throw new Error(`There is no way to verify \`${as}\`; there is ${listInventories()}.`);
  return found;
}

function listInventories(): string {
  return inventories.map(({ name }) => name).join(', ');
}

/** Where a rule leads, as it is written; a query may be a secret. */
function placeOf(rules: readonly Rule[], name: string): string {
  const rule = rules.find((each, order) => (each.name ?? `rules[${order}]`) === name);
  const { url } = (rule?.to ?? { url: '' }) as UpstreamConfig;
  return url.replace(/^([a-z]+:\/\/)?[^/@]*@/, '$1').replace(/[?#].*$/, '');
}

interface Hints {
  readonly demand: LoggedDemand | undefined;
  readonly inventory: Inventory;
  readonly mount: string;
  readonly match: readonly string[];
}

/** What was given; else what the log has; else the names that `match` consists of. */
async function* listNames(
  { name, names }: CommandOptions,
  { demand, inventory, mount, match }: Hints,
): AsyncGenerator<string, void, undefined> {
  yield* name;
  if (names !== undefined)
    for await (const line of readLines(names)) if (line.trim() !== '') yield line.trim();
  if (name.length > 0 || names !== undefined) return;
  const logged = demand?.names(inventory, mount) ?? [];
  yield* logged;
  if (logged.length === 0 && match.length > 0 && match.every((pattern) => /^[\w@/.-]+$/.test(pattern)))
    yield* match;
}

interface Progress {
  step(findings: number): void;
  end(): void;
}

/** How far it is, on a terminal only. */
function createProgress(): Progress {
  const shown = process.stderr.isTTY === true;
  let checked = 0;
  let found = 0;
  let at = 0;
  return {
    step(findings) {
      checked++;
      found += findings;
      if (!shown || Date.now() - at < 200) return;
      at = Date.now();
      process.stderr.write(`\r\u001b[K${checked} checked, ${found} findings`);
    },
    end() {
      if (shown && at > 0) complain('\r\u001b[K');
      at = 0;
    },
  };
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function readCount(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('Write a number above 0.');
  return Number(text);
}
