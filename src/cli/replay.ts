import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseAuthority } from '../core/host.ts';
import { createLogReader } from '../logs/reader.ts';
import { type Change, createReplay, type Replay, type ReplayResult } from '../logs/replay.ts';
import { describeOutcome } from './_describe-outcome.ts';
import { readLogLines } from './_log-lines.ts';
import { count, EXIT, fail, print } from './_output.ts';
import { readRules } from './_read-rules.ts';
import { RULES_HELP } from './_rules.ts';
import { readTime } from './_time.ts';

interface ReplayCommandOptions {
  readonly rules: string;
  readonly against?: string;
  readonly host?: string;
  readonly scheme: 'http' | 'https';
  readonly at?: number;
  readonly examples: number;
  readonly json?: boolean;
}

/** The most lines that are shown by their numbers. */
const MOST_NUMBERS = 20;

/** Lines that could not be read. */
interface Unreadable {
  count: number;
  /** Their numbers, with the file when there are several. */
  readonly lines: string[];
}

/** Adds `turnout replay`. */
export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('Run an access log against new rules and say what would change. Nothing is fetched.')
    .argument('<log...>', 'access logs, also compressed by gzip; - for the standard input')
    .option('--rules <rules>', `the rules that are to come: ${RULES_HELP}`, 'turnout.yaml')
    .option('--against <rules>', 'the rules that are in force; without it, what the log says is compared')
    .option('--host <host>', 'the host, where the log does not say it', readHost)
    .addOption(
      new Option('--scheme <scheme>', 'the scheme, where the log does not say it')
        .choices(['http', 'https'])
        .default('https'),
    )
    .option('--at <time>', 'the time of schedules, such as 2026-12-01T08:00:00Z; now by default', readTime)
    .option('--examples <number>', 'how many requests are shown of each change', readNumber, 10)
    .option('--json', 'print one line of JSON')
    .action(replay);
}

async function replay(logs: readonly string[], options: ReplayCommandOptions): Promise<void> {
  try {
    const { host, scheme, at = Date.now() } = options;
    const { ruleSet: rules } = await readRules(options.rules);
    const against = options.against === undefined ? undefined : (await readRules(options.against)).ruleSet;
    const run = createReplay({ rules, against, host, scheme, circumstances: { now: at, isFit: () => true } });
    const unreadable: Unreadable = { count: 0, lines: [] };
    for (const file of logs) await readLog(file, logs.length > 1 ? `${file}:` : '', run, unreadable);
    conclude(run.result(), unreadable, options);
  } catch (error) {
    fail(error);
  }
}

async function readLog(file: string, prefix: string, run: Replay, unreadable: Unreadable): Promise<void> {
  const read = createLogReader();
  for await (const { text, number } of readLogLines(file)) {
    const line = text === undefined ? 'unreadable' : read(text);
    if (line === 'unreadable') {
      unreadable.count += 1;
      if (unreadable.lines.length < MOST_NUMBERS) unreadable.lines.push(`${prefix}${number}`);
    } else if (line !== 'nothing') run.add(line);
  }
}

function conclude(
  result: ReplayResult,
  unreadable: Unreadable,
  { json, examples }: ReplayCommandOptions,
): void {
  const { requests, changed, withoutHost, changes } = result;
  const nothingRead = requests === 0 && unreadable.count + withoutHost > 0;
  process.exitCode = nothingRead ? EXIT.failed : changed > 0 ? EXIT.mistakes : EXIT.ok;
  if (json) {
    const shown = changes.map((change) => ({ ...change, ...cut(change, examples) }));
    print(JSON.stringify({ requests, changed, withoutHost, unreadable, changes: shown }));
    return;
  }
  const summary = `${count(requests, 'request')}, ${changed === 0 ? 'nothing changes' : `${changed} change${changed === 1 ? 's' : ''}`}.`;
  print(
    ...changes.flatMap((change) => describe(change, examples)),
    summary,
    ...describeLosses(result, unreadable),
  );
}

/** The most frequent requests of a change, and how many there are besides. */
function cut({ requests, more }: Change, examples: number): Pick<Change, 'requests' | 'more'> {
  const left = requests.slice(examples).reduce((sum, { count: times }) => sum + times, 0);
  return { requests: requests.slice(0, examples), more: more + left };
}

function describe(change: Change, examples: number): readonly string[] {
  const { before, after } = change;
  const { requests, more } = cut(change, examples);
  // The addresses are shown where they alone are what changes.
  const near = describeOutcome(before) === describeOutcome(after);
  const lines = requests.map(
    ({ request, count: times, from, to }) =>
      `  ${times} × ${request}${near ? `: ${from} → ${to}` : to === undefined ? '' : ` → ${to}`}`,
  );
  return [
    `${change.count} × ${describeOutcome(before)} → ${near ? 'another address there' : describeOutcome(after)}`,
    ...lines,
    ...(more > 0 ? [`  … and ${more} more`] : []),
    '',
  ];
}

function describeLosses(
  { withoutHost }: ReplayResult,
  { count: lost, lines }: Unreadable,
): readonly string[] {
  const rest = lost > lines.length ? ` and ${lost - lines.length} more` : '';
  return [
    ...(lost > 0 ? [`${count(lost, 'line')} could not be read: ${lines.join(', ')}${rest}.`] : []),
    ...(withoutHost > 0
      ? [`${count(withoutHost, 'request')} had no host; say with --host which one it was.`]
      : []),
  ];
}

function readHost(text: string): string {
  if (!parseAuthority(text)) throw new InvalidArgumentError('Write a host such as get.acme.dev.');
  return text;
}

function readNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Write a number.');
  return Number(text);
}
