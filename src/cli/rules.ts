import type { Command } from 'commander';
import { fail, print } from './_output.ts';
import { openPast, type PastOptions } from './_past.ts';
import { RULES_HELP } from './_rules.ts';

interface HistoryOptions extends PastOptions {
  readonly json?: boolean;
}

/** Adds `turnout rules`. */
export function addRules(program: Command): void {
  program
    .command('rules')
    .description('What is known of the rules that served.')
    .command('history')
    .description('List the rules that were accepted, the newest first.')
    .argument('[rules]', RULES_HELP, 'turnout.yaml')
    .option('--cache <file>', 'the copy that the gateway keeps, beside which the history is')
    .option('--history <folder>', 'the folder of the history')
    .option('--json', 'print one JSON array')
    .action(listHistory);
}

async function listHistory(address: string, options: HistoryOptions): Promise<void> {
  try {
    const past = openPast(address, options);
    const entries = await past.list();
    if (options.json) print(JSON.stringify(entries));
    else if (entries.length === 0) print(`There is no history in ${past.folder}.`);
    else print(...entries.map(({ revision, acceptedAt }) => `${revision}  ${acceptedAt.toISOString()}`));
  } catch (error) {
    fail(error);
  }
}
