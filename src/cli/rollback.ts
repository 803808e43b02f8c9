import type { Command } from 'commander';
import { createTwoFilesPatch } from 'diff';
import { formatIssue, type HistoryEntry, isRuleError, parseRules, type RuleStore } from '../rules/index.ts';
import { readInTime } from '../rules/read-in-time.ts';
import { regexp } from '../rules/regexp.ts';
import { revisionOf } from '../rules/revision.ts';
import { complain, fail, print } from './_output.ts';
import { openPast, type PastOptions } from './_past.ts';
import { environmentOf, openStore, RULES_HELP } from './_rules.ts';

/** How long a store may take, and a difference may be looked for, in milliseconds. */
const TIMEOUT = 10_000;

interface RollbackOptions extends PastOptions {
  readonly rules: string;
  readonly dryRun?: boolean;
}

/** A text, and what it is called. */
interface Version {
  readonly text: string;
  readonly revision: string;
}

/** Adds `turnout rollback`. */
export function addRollback(program: Command): void {
  program
    .command('rollback')
    .description('Write rules that were accepted before back to where they come from, and show what changes.')
    .argument('[revision]', 'which ones, or the beginning of their name (default: those of before)')
    .option('--rules <rules>', RULES_HELP, 'turnout.yaml')
    .option('--cache <file>', 'the copy that the gateway keeps, beside which the history is')
    .option('--history <folder>', 'the folder of the history')
    .option('-n, --dry-run', 'show what would change, and change nothing')
    .action(rollback);
}

async function rollback(wanted: string | undefined, options: RollbackOptions): Promise<void> {
  try {
    const past = openPast(options.rules, options);
    const store = await openStore(options.rules);
    try {
      const now = await readNow(store);
      const entry = choose(await past.list(), now.revision, wanted, past.folder);
      const then = { text: await past.read(entry), revision: entry.revision };
      if (then.revision === now.revision) {
        print(`${store.name} is at revision ${now.revision} already.`);
        return;
      }
      check(store, then.text);
      print(compare(store.name, now, then));
      if (!options.dryRun) await write(store, now, then, entry);
    } finally {
      store.close();
    }
  } catch (error) {
    fail(error);
  }
}

async function readNow(store: RuleStore): Promise<Version> {
  const stored = await readInTime(store, { timeout: TIMEOUT });
  const text = stored?.text ?? '';
  return { text, revision: await revisionOf(text) };
}

/** Finds what is wanted, or the newest that is not what is there now. */
function choose(
  entries: readonly HistoryEntry[],
  now: string,
  wanted: string | undefined,
  folder: string,
): HistoryEntry {
  const found = entries.filter(({ revision }) =>
    wanted === undefined ? revision !== now : revision.startsWith(wanted),
  );
  const [entry] = found;
  if (!entry)
    throw new Error(
      `There is no ${wanted === undefined ? 'other revision' : `revision ${wanted}`} in ${folder}.`,
    );
  if (wanted !== undefined && found.some(({ revision }) => revision !== entry.revision))
    throw new Error(`Several revisions begin with ${wanted}; write more of it.`);
  return entry;
}

/** What was right once may name a protocol that there is no more. Variables are the gateway's, and need not be set here. */
function check(store: RuleStore, text: string): void {
  const { name, commands } = store;
  try {
    parseRules(text, { file: name, env: environmentOf(store), commands, regexp });
  } catch (error) {
    if (!isRuleError(error) || error.issues.some(({ code }) => code !== 'missing_variable')) throw error;
    complain(...error.issues.map((issue) => `${formatIssue(issue)} (here; the gateway needs it)`));
  }
}

function compare(name: string, now: Version, then: Version): string {
  const patch = createTwoFilesPatch(name, name, now.text, then.text, now.revision, then.revision, {
    timeout: TIMEOUT,
  });
  return patch?.replace(/^=+\n/, '').trimEnd() ?? `${name}: too much changes to be shown.`;
}

async function write(store: RuleStore, now: Version, then: Version, entry: HistoryEntry): Promise<void> {
  if (!store.write) {
    throw new Error(
      `${store.name} cannot be written to from here; put the text of \`${entry.file}\` where it comes from.`,
    );
  }
  await store.write(then.text, now.text);
  print(
    '',
    `${store.name} is back at revision ${then.revision}, accepted ${entry.acceptedAt.toISOString()}.`,
  );
}
