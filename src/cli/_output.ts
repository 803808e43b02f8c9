import { formatIssue, isRuleError } from '../core/errors.ts';

/** What the program exits with. */
export const EXIT = { ok: 0, mistakes: 1, failed: 2, restored: 3 } as const;

/** Prints lines for the reader of the program's output. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Prints lines for the person at the terminal. */
export function complain(...lines: readonly string[]): void {
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Says why the command could not do its work, and sets the exit code; a mistake in the rules is shown line by line. */
export function fail(error: unknown): void {
  if (isRuleError(error))
    complain(
      ...error.issues.map(formatIssue),
      `turnout: ${count(error.issues.length, 'mistake')} in the rules.`,
    );
  else complain(`turnout: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = EXIT.failed;
}

/** Writes a number with its noun: `1 rule`, `2 rules`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
