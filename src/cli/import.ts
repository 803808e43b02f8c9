import { readFile, writeFile } from 'node:fs/promises';
import { Argument, type Command } from 'commander';
import { formatIssue } from '../core/errors.ts';
import { importRules } from '../rules/import.ts';
import { complain, count, fail, print } from './_output.ts';

interface ImportOptions {
  readonly output?: string;
}

/** Adds `turnout import`. */
export function addImport(program: Command): void {
  program
    .command('import')
    .description(
      'Make a rule file of what another gateway reads. Nothing is served, and the file is not changed.',
    )
    .addArgument(new Argument('<format>', 'what the file is').choices(['scarf']))
    .argument('<file>', 'the file; for scarf, a manifest of the Scarf Gateway')
    .option('-o, --output <file>', 'where the rule file is written; stdout when left out')
    .action(importFile);
}

async function importFile(_: string, file: string, { output }: ImportOptions): Promise<void> {
  try {
    const { text, rules, warnings } = importRules(await readFile(file, 'utf8'), file);
    for (const issue of warnings) complain(`${formatIssue(issue)} (warning)`);
    if (output === undefined) {
      print(text.trimEnd());
      return;
    }
    // What somebody has edited is not written over.
    await writeFile(output, text, { flag: 'wx' });
    print(`${output}: ${count(rules, 'rule')}, made of ${file}.`);
  } catch (error) {
    fail(explain(error, output));
  }
}

function explain(error: unknown, output: string | undefined): unknown {
  const { code } = error as { readonly code?: string };
  return code === 'EEXIST'
    ? new Error(`${output} is there already; write to another file, or remove it.`)
    : error;
}
