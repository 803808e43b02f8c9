/** Every code that an authoring error or warning can carry; each has a heading in `docs/errors.md`. */
export const ISSUE_CODES = [
  'command_not_allowed',
  'conflicting_parameter',
  'credentials_in_url',
  'downgrade',
  'duplicate_key',
  'duplicate_name',
  'empty_rule_set',
  'insecure_credentials',
  'invalid_host',
  'invalid_match',
  'invalid_mount',
  'invalid_notice',
  'invalid_syntax',
  'invalid_target',
  'invalid_value',
  'merge_not_supported',
  'missing_credentials',
  'missing_key',
  'missing_target',
  'missing_variable',
  'mount_not_supported',
  'optional_parameter',
  'redirect_without_credentials',
  'self_target',
  'status_not_supported',
  'unknown_key',
  'unknown_parameter',
  'unknown_protocol',
  'unreachable_rule',
  'unused_parameter',
  'variable_in_authority',
] as const;

/** The code of an authoring error or warning. */
export type IssueCode = (typeof ISSUE_CODES)[number];

/** A place in a rule file; lines and columns count from 1. */
export interface Position {
  /** The name of the file as it was given. */
  readonly file: string;
  /** The line. */
  readonly line: number;
  /** The column, in UTF-16 code units. */
  readonly column: number;
}

/** One thing that is wrong, or doubtful, in a set of rules. */
export interface RuleIssue {
  /** What kind of mistake it is. */
  readonly code: IssueCode;
  /** Where it stands, as keys from the root: `['rules', 0, 'to']`. */
  readonly path: readonly (string | number)[];
  /** What is wrong and what to write instead, in one or two sentences. */
  readonly message: string;
  /** Where it stands in the file, when the rules came from one. */
  readonly position?: Position;
}

/**
 * Rules that cannot be used, with everything that is wrong with them.
 *
 * Thrown by `compileRules` and by the loaders; nothing of such a set is ever served.
 */
export class RuleError extends Error {
  /** The name, by which other copies of this package know it too. */
  override readonly name = 'RuleError';
  /** All mistakes, in the order of the rules. */
  readonly issues: readonly RuleIssue[];

  constructor(issues: readonly RuleIssue[], options?: ErrorOptions) {
    super(issues.map(formatIssue).join('\n'), options);
    this.issues = issues;
  }
}

/** Tells whether a value is a `RuleError`, also one of another copy of this package. */
export function isRuleError(value: unknown): value is RuleError {
  return value instanceof Error && value.name === 'RuleError' && 'issues' in value;
}

/** Formats an issue as one line: `turnout.yaml:7:9 invalid_target: …`, or with its path when it has no position. */
export function formatIssue(issue: RuleIssue): string {
  const { position, path } = issue;
  const where = position ? `${position.file}:${position.line}:${position.column}` : formatIssuePath(path);
  return `${where}${where && ' '}${issue.code}: ${issue.message}`;
}

function formatIssuePath(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, key) => text + (typeof key === 'number' ? `[${key}]` : text === '' ? key : `.${key}`),
    '',
  );
}

/** Collects what is wrong with one rule, below its path. */
export type Report = (code: IssueCode, key: readonly (string | number)[], message: string) => void;
