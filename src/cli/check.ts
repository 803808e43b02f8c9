import type { Command } from 'commander';
import { formatIssue, isRuleError, type RuleIssue } from '../core/errors.ts';
import { complain, count, EXIT, fail, print } from './_output.ts';
import { openRules, openStore, RULES_HELP } from './_rules.ts';

interface CheckOptions {
  readonly json?: boolean;
  readonly strict?: boolean;
}

/** Adds `turnout check`. */
export function addCheck(program: Command): void {
  program
    .command('check')
    .description('Read rules and say everything that is wrong with it, or doubtful.')
    .argument('[rules]', RULES_HELP, 'turnout.yaml')
    .option('--json', 'print the issues as one JSON array')
    .option('--strict', 'exit with 1 for warnings too')
    .action(check);
}

async function check(file: string, options: CheckOptions): Promise<void> {
  try {
    const source = await openRules(await openStore(file));
    const { rules, warnings } = source.current;
    report(file, rules.length, [], warnings, options);
  } catch (error) {
    if (isRuleError(error)) report(file, 0, error.issues, [], options);
    else fail(error);
  }
}

function report(
  file: string,
  rules: number,
  errors: readonly RuleIssue[],
  warnings: readonly RuleIssue[],
  { json, strict }: CheckOptions,
): void {
  const bad = errors.length > 0 || (strict && warnings.length > 0);
  process.exitCode = bad ? EXIT.mistakes : EXIT.ok;
  if (json) {
    const list = [
      ...errors.map((issue) => ({ severity: 'error', ...issue })),
      ...warnings.map((issue) => ({ severity: 'warning', ...issue })),
    ];
    print(JSON.stringify(list));
    return;
  }
  for (const issue of errors) complain(formatIssue(issue));
  for (const issue of warnings) complain(`${formatIssue(issue)} (warning)`);
  if (errors.length > 0) complain(`${file}: ${count(errors.length, 'mistake')}.`);
  else
    print(
      `${file}: ${count(rules, 'rule')}, ${warnings.length === 0 ? 'nothing wrong' : count(warnings.length, 'warning')}.`,
    );
}
