import { compileRules, type RuleSet } from '../core/compile.ts';
import { isRuleError, type Position, RuleError, type RuleIssue } from '../core/errors.ts';
import type { Protocol } from '../core/protocol.ts';
import { type Rule, rule } from '../core/rule.ts';
import { protocols as allProtocols } from '../protocols/index.ts';
import { refuseCommands, toRuleConfig } from './authentication.ts';
import { checkRuleFile } from './check.ts';
import { conceal } from './conceal.ts';
import { type RuleDocument, readDocument } from './document.ts';
import { type Environment, type Expansions, expandVariables } from './expand.ts';
import type { Mistake } from './mistake.ts';
import { isMapping, type RuleEntry } from './rule-file.ts';

/** Options of `parseRules`. */
export interface ParseOptions {
  /** The name of the file, for positions. */
  readonly file: string;
  /** The variables that `${NAME}` stands for. Default none. */
  readonly env?: Environment | undefined;
  /** The protocols that rules may name. Default every protocol of this package. */
  readonly protocols?: readonly Protocol[] | undefined;
  /**
   * Whether rules may run programs for their credentials (`auth: { command: … }`), with the rights and the environment
   * of this process: only for text that nobody else can write. Default false.
   */
  readonly commands?: boolean | undefined;
}

/**
 * Parses and compiles the text of a rule file, YAML or JSON.
 *
 * No message has a value of `env` in it, as those may be secret.
 *
 * @throws RuleError With every mistake, each with its position, in the order of the text.
 */
export function parseRules(text: string, options: ParseOptions): RuleSet {
  const { file, env = {}, protocols = allProtocols, commands = false } = options;
  const document = readDocument(text, file);
  const { data, expansions, mistakes } = expandVariables(document.data, env, text.length);
  const show = (list: readonly Mistake[]): readonly RuleIssue[] => toIssues(list, document, expansions);
  const early = [...document.mistakes, ...mistakes];
  // Nothing else can be said of a text that was not read to its end.
  if (early.some(({ code }) => code === 'invalid_syntax')) throw new RuleError(show(early));
  const names = protocols.map(({ name }) => name);
  const known = [...early, ...checkRuleFile(data, names), ...(commands ? [] : refuseCommands(rulesOf(data)))];
  const { ruleSet, issues } = compile(data, known, protocols);
  const all = [...known, ...issues];
  if (!ruleSet || all.length > 0) throw new RuleError(show(all));
  return { ...ruleSet, warnings: show(ruleSet.warnings) };
}

/** Compiles the rules in which no mistake is known; what it finds is at the places that they have in the file. */
function compile(
  data: unknown,
  known: readonly Mistake[],
  protocols: readonly Protocol[],
): { readonly ruleSet?: RuleSet; readonly issues: readonly RuleIssue[] } {
  const [anyProtocol] = protocols;
  const entries = rulesOf(data) as readonly RuleEntry[];
  if (!anyProtocol || entries.length === 0) return { issues: [] };
  const faulty = new Set(known.map(({ path }) => path[1]));
  const byName = new Map(protocols.map((protocol) => [protocol.name, protocol]));
  const rules = entries.map((entry, order): Rule => {
    const protocol = faulty.has(order) ? undefined : byName.get(entry.protocol);
    return protocol ? rule(protocol, toRuleConfig(entry)) : standIn(entry, order, anyProtocol);
  });
  try {
    return { ruleSet: compileRules(rules), issues: [] };
  } catch (error) {
    if (isRuleError(error)) return { issues: error.issues };
    throw error;
  }
}

function rulesOf(data: unknown): readonly unknown[] {
  return isMapping(data) && Array.isArray(data.rules) ? data.rules : [];
}

/** A rule without mistakes in the place of one that has some, so that the others keep their numbers. */
function standIn(entry: unknown, order: number, protocol: Protocol): Rule {
  const name = isMapping(entry) && typeof entry.name === 'string' ? entry.name : undefined;
  return rule(protocol, { name, host: `${order}.invalid`, to: 'upstream.invalid' });
}

/** Gives each mistake its position, in their order, and hides what came from the environment. */
function toIssues(
  mistakes: readonly Mistake[],
  document: RuleDocument,
  expansions: Expansions,
): readonly RuleIssue[] {
  const issues = mistakes.map((mistake): RuleIssue & { readonly position: Position } => {
    const { code, path, message } = mistake;
    return {
      code,
      path,
      message: conceal(message, expansions.get(path[1]) ?? []),
      position: document.locate(mistake),
    };
  });
  issues.sort((a, b) => a.position.line - b.position.line || a.position.column - b.position.column);
  const told = new Set<string>();
  return issues.filter(({ code, message, position: { line, column } }) => {
    // One slip of syntax has several consequences on its line; a mistake below an anchor is met at each alias.
    const sameness = code === 'invalid_syntax' ? `${line}` : `${line}:${column} ${code} ${message}`;
    return !told.has(sameness) && told.add(sameness);
  });
}
