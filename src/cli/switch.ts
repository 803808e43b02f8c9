import { confirm, isCancel } from '@clack/prompts';
import { type Command, InvalidArgumentError } from 'commander';
import type { RuleSet } from '../core/compile.ts';
import { editTarget } from '../rules/edit-target.ts';
import { formatIssue, type RuleStore } from '../rules/index.ts';
import { parseRules } from '../rules/parse.ts';
import { readInTime } from '../rules/read-in-time.ts';
import { regexp } from '../rules/regexp.ts';
import { revisionOf } from '../rules/revision.ts';
import { readTime, waitUntil } from './_at.ts';
import { describeMove, formatMove } from './_describe-move.ts';
import { type Instance, readInstance } from './_instances.ts';
import { checkMove, type Ending, type Move, move } from './_move.ts';
import { complain, EXIT, fail } from './_output.ts';
import { createProgress, type Progress } from './_progress.ts';
import { environmentOf, openStore, RULES_HELP } from './_rules.ts';
import { createConceal } from './_secrets.ts';
import { verifyMove } from './_verification.ts';

/** How long a store may take, in milliseconds. */
const TIMEOUT = 10_000;

interface SwitchOptions {
  readonly rules: string;
  readonly upstream?: number;
  readonly percent?: number;
  readonly instance: readonly Instance[];
  readonly wait: number;
  readonly watch: number;
  readonly guard: number;
  readonly at?: Date;
  readonly dryRun?: boolean;
  readonly verify: boolean;
  readonly name: readonly string[];
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Adds `turnout switch`. */
export function addSwitch(program: Command): void {
  program
    .command('switch')
    .description(
      'Change where a rule leads: verify, edit the one line, wait until it serves, watch, and take it back if it fares badly.',
    )
    .argument('<rule>', 'the name of the rule')
    .argument('<to>', 'where it is to lead, as it stands under `to`')
    .option('--rules <rules>', RULES_HELP, 'turnout.yaml')
    .option('--upstream <number>', 'which upstream of several is replaced, from 1', readUpstream)
    .option(
      '--percent <number>',
      'the part of the clients that go there, from 1 to 100; the others stay',
      readPercent,
    )
    .option(
      '--instance <address>',
      'the admin address of an instance that serves the rules; may be repeated',
      readInstance,
      [],
    )
    .option('--wait <seconds>', 'how long instances may take to serve the change', readSeconds, 30)
    .option('--watch <seconds>', 'how long the instances are watched then; 0 for not at all', readSeconds, 30)
    .option('--guard <percent>', 'the part of the requests that may fail while it is watched', readGuard, 5)
    .option('--at <time>', 'wait until then: 2026-12-01T08:00:00Z, or 08:00', readTime)
    .option('-n, --dry-run', 'show what would change, and change nothing')
    .option('--no-verify', 'do not verify that the new upstream serves what the old one serves')
    .option('--name <name...>', 'what to verify, where the upstream has no list of it', collect, [])
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print what happens as lines of JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 it serves, 1 the new upstream does not serve the same and nothing was written,\n2 it could not be done, 3 it was taken back, 130 it was interrupted.',
    )
    .action(switchOver);
}

async function switchOver(rule: string, to: string, options: SwitchOptions): Promise<void> {
  let store: RuleStore | undefined;
  try {
    store = await openStore(options.rules);
    process.exitCode = await run(store, rule, to, options);
  } catch (error) {
    fail(error);
  } finally {
    store?.close();
  }
}

async function run(store: RuleStore, rule: string, to: string, options: SwitchOptions): Promise<number> {
  const progress = createProgress(options.json === true, store.name);
  const plan = await prepare(store, rule, to, options, progress);
  if (!plan) return EXIT.ok;
  if (options.verify && !(await verify(plan, options.name, progress))) return EXIT.mistakes;
  if (options.dryRun) return EXIT.ok;
  await checkMove(plan, options.instance);
  if (!(await agree(options))) {
    progress.say(['Nothing was written.'], { type: 'declined' });
    return EXIT.ok;
  }
  const { at } = options;
  if (at) {
    progress.say([`Waiting until ${at.toISOString()}.`], { type: 'waiting', at } as {
      readonly type: string;
    });
    await waitUntil(at);
  }
  return EXITS[await carryOut(plan, options, progress)];
}

const EXITS: Readonly<Record<Ending, number>> = { done: EXIT.ok, restored: EXIT.restored, interrupted: 130 };

/** A change that is checked, with the rules of both sides. */
interface Plan extends Move {
  readonly rules: { readonly before: RuleSet; readonly after: RuleSet };
  /** What the variables of the rules stand for. */
  readonly secrets: ReadonlySet<string>;
}

/** Makes the change, checks it and shows it; `undefined` when there is nothing to change. */
async function prepare(
  store: RuleStore,
  rule: string,
  to: string,
  { upstream, percent }: SwitchOptions,
  progress: Progress,
): Promise<Plan | undefined> {
  const stored = await readInTime(store, { timeout: TIMEOUT });
  const text = stored?.text ?? '';
  const before = parse(store, text);
  const edited = editTarget(text, rule, { to, upstream, percent });
  if (edited.text === text) {
    progress.say([`${rule} leads there already.`], { type: 'unchanged' });
    return undefined;
  }
  const after = parse(store, edited.text);
  const known = new Set(before.warnings.map(({ message }) => message));
  for (const issue of after.warnings)
    if (!known.has(issue.message)) complain(`${formatIssue(issue)} (warning)`);
  const description = describeMove(before, after, edited);
  const plan = { type: 'plan', ...description, percent };
  progress.say([...formatMove(description, store.name, percent), ''], plan);
  const target = after.rules.find(({ order }) => order === edited.rule)?.upstreams[edited.upstream];
  return {
    store,
    rule: description.rule,
    upstream: target?.origin ?? '',
    before: { text, revision: await revisionOf(text) },
    after: { text: edited.text, revision: await revisionOf(edited.text) },
    rules: { before, after },
    secrets: new Set([...text.matchAll(VARIABLE)].map(([, name = '']) => environmentOf(store)[name] ?? '')),
  };
}

/** A variable of the environment in a rule file. */
const VARIABLE = /\$\{([A-Za-z_]\w*)\}/g;

/** Checks a text as a whole. Variables are the gateway's, and need not be set here: a host stands for each that is not. */
function parse(store: RuleStore, text: string): RuleSet {
  const env = environmentOf(store);
  const names = [...text.matchAll(VARIABLE)].map(([, name = '']) => name);
  const unset = names.flatMap((name) =>
    env[name] === undefined ? [[name, 'variable.invalid'] as const] : [],
  );
  const { name: file, commands } = store;
  return parseRules(text, { file, env: { ...env, ...Object.fromEntries(unset) }, commands, regexp });
}

function collect(name: string, names: readonly string[]): readonly string[] {
  return [...names, name];
}

async function verify(
  { rules, rule, secrets }: Plan,
  names: readonly string[],
  progress: Progress,
): Promise<boolean> {
  const conceal = createConceal(secrets);
  const same = await verifyMove({ ...rules, rule, names, conceal }, (line) =>
    progress.say([line], { type: 'verifying' }),
  );
  progress.say(
    [
      same
        ? 'Verified: it serves the same.'
        : 'Not the same; nothing was written. --no-verify switches all the same.',
    ],
    { type: 'verified', same } as { readonly type: string },
  );
  return same;
}

/** Asks on a terminal. */
async function agree({ yes, json }: SwitchOptions): Promise<boolean> {
  if (yes || json || !process.stdin.isTTY || !process.stdout.isTTY) return true;
  const answer = await confirm({ message: 'Switch?' });
  return !isCancel(answer) && answer;
}

async function carryOut(plan: Plan, options: SwitchOptions, progress: Progress): Promise<Ending> {
  const { instance: instances, wait, watch, guard } = options;
  const abort = new AbortController();
  const interrupt = () => abort.abort();
  process.once('SIGINT', interrupt);
  try {
    if (instances.length === 0)
      progress.say(['Without --instance nobody is asked whether it serves, and nothing is watched.'], {
        type: 'blind',
      });
    return await move(plan, {
      instances,
      wait: wait * 1000,
      watch: watch * 1000,
      guard,
      signal: abort.signal,
      tell: progress.step,
    });
  } finally {
    process.off('SIGINT', interrupt);
  }
}

function readUpstream(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Write its number, from 1.');
  return Number(text);
}

function readPercent(text: string): number {
  const percent = Number(text);
  if (!/^\d{1,3}$/.test(text) || percent < 1 || percent > 100)
    throw new InvalidArgumentError('Write a whole number from 1 to 100.');
  return percent;
}

function readGuard(text: string): number {
  const percent = Number(text);
  if (!/^\d{1,3}(?:\.\d{1,6})?$/.test(text) || percent > 100)
    throw new InvalidArgumentError('Write a number from 0 to 100.');
  return percent;
}

function readSeconds(text: string): number {
  if (!/^\d{1,6}(?:\.\d{1,6})?$/.test(text)) throw new InvalidArgumentError('Write a number of seconds.');
  return Number(text);
}
