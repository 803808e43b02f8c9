import { convertScarf } from '../convert/index.ts';
import { compileRules, type RuleSet } from '../core/compile.ts';
import type { NetworkLists } from '../core/condition.ts';
import { isRuleError, type Position, RuleError, type RuleIssue } from '../core/errors.ts';
import type { Expression } from '../core/expression.ts';
import { PatternError } from '../core/pattern.ts';
import type { Protocol } from '../core/protocol.ts';
import { type Rule, type RuleConfig, rule } from '../core/rule.ts';
import { protocols as allProtocols } from '../protocols/index.ts';
import { refuseCommands, toCredentials } from './authentication.ts';
import { checkRuleFile } from './check.ts';
import { conceal } from './conceal.ts';
import { type RuleDocument, readDocument } from './document.ts';
import { type Environment, type Expanded, type Expansions, expandVariables } from './expand.ts';
import type { Mistake } from './mistake.ts';
import { isMapping, type RuleEntry, valueAt } from './rule-file.ts';

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
  /** What reads regular expressions (`syntax: regexp`): `regexp` of `turnout/regexp`. Default none may be. */
  readonly regexp?: ((source: string) => Expression) | undefined;
  /**
   * Changes the rules before they are compiled, as many in the same order, if the text has no mistake: what would be if
   * one led elsewhere. A mistake of its making is told at the rule's place. Default as they are.
   */
  readonly transform?: ((rules: readonly Rule[]) => readonly Rule[]) | undefined;
}

/**
 * Parses and compiles the text of a rule file, YAML or JSON.
 *
 * No message has a value of `env` in it, as those may be secret.
 *
 * @throws RuleError With every mistake, each with its position, in the order of the text.
 */
export function parseRules(text: string, options: ParseOptions): RuleSet {
  const { file, env = {}, protocols = allProtocols, regexp, transform } = options;
  const document = readDocument(text, file);
  const source = readSource(document.data, env, text.length);
  const { data, expansions, toFile } = source;
  const show = (list: readonly Mistake[]): readonly RuleIssue[] => toIssues(list, document, expansions);
  const early = [...document.mistakes, ...source.mistakes];
  // Nothing else can be said of a text that was not read to its end.
  if (early.some(({ code }) => code === 'invalid_syntax')) throw new RuleError(show(early));
  const entries = rulesOf(data);
  const { matches, mistakes: wrong } = readExpressions(entries, regexp);
  const checked = [...checkEntries(data, early, options), ...wrong];
  // What is wrong with a manifest's rules is not in the rules that are made of them.
  const known = source.converted ? checked : [...early, ...checked];
  const networks = known.some(({ path }) => path[0] === 'networks') ? undefined : networksOf(data);
  const { ruleSet, issues } = compile(
    entries as readonly RuleEntry[],
    { matches, networks, transform: known.length > 0 ? undefined : transform },
    known,
    protocols,
  );
  const all = [...early, ...[...checked, ...issues].map(toFile)];
  if (!ruleSet || all.length > 0) throw new RuleError(show(all));
  return { ...ruleSet, warnings: show(ruleSet.warnings.map(toFile)) };
}

/** A rule file's data, and how to find the places of the text that it was made of. */
interface Source extends Expanded {
  /** Whether it was made of a manifest. */
  readonly converted: boolean;
  /** Puts a mistake of the data at its place in the file. */
  readonly toFile: (mistake: Mistake) => Mistake;
}

/** Reads what a text says: rules with variables, or a manifest, in which what looks like a variable is text. */
function readSource(data: unknown, env: Environment, limit: number): Source {
  const manifest = convertScarf(data);
  if (!manifest)
    return { ...expandVariables(data, env, limit), converted: false, toFile: (mistake) => mistake };
  const { file, mistakes, trace } = manifest;
  return {
    data: file,
    mistakes,
    expansions: new Map(),
    converted: true,
    toFile({ offset: _, ...mistake }) {
      const path = trace(mistake.path);
      const message = quoteAnew(mistake.message, valueAt(file, mistake.path), valueAt(data, path));
      return { ...mistake, path, message };
    },
  };
}

/** Says of the text that somebody has written what was said of the text that was made of it. */
function quoteAnew(message: string, made: unknown, written: unknown): string {
  if (typeof made !== 'string' || typeof written !== 'string') return message;
  return ['`', "'"].reduce(
    (text, mark) => text.replaceAll(mark + made + mark, () => mark + written + mark),
    message,
  );
}

function checkEntries(
  data: unknown,
  early: readonly Mistake[],
  { protocols = allProtocols, commands = false }: ParseOptions,
): readonly Mistake[] {
  const entries = rulesOf(data);
  // That no rule is left is no mistake of its own.
  if (entries.length === 0 && early.length > 0 && isMapping(data)) return [];
  const names = protocols.map(({ name }) => name);
  return [...checkRuleFile(data, names), ...(commands ? [] : refuseCommands(entries))];
}

/** Compiles the rules in which no mistake is known; what it finds is at the places that they have in the file. */
function compile(
  entries: readonly RuleEntry[],
  {
    matches,
    networks,
    transform = (rules) => rules,
  }: {
    readonly matches: ReadonlyMap<number, Expression>;
    readonly networks: NetworkLists | undefined;
    readonly transform: ParseOptions['transform'];
  },
  known: readonly Mistake[],
  protocols: readonly Protocol[],
): { readonly ruleSet?: RuleSet; readonly issues: readonly RuleIssue[] } {
  const [anyProtocol] = protocols;
  if (!anyProtocol || entries.length === 0) return { issues: [] };
  const faulty = new Set(known.map(({ path }) => path[1]));
  const byName = new Map(protocols.map((protocol) => [protocol.name, protocol]));
  const rules = entries.map((entry, order): Rule => {
    const protocol = faulty.has(order) ? undefined : byName.get(entry.protocol);
    return protocol
      ? rule(protocol, toRuleConfig(entry, matches.get(order)))
      : standIn(entry, order, anyProtocol);
  });
  try {
    return { ruleSet: compileRules(transform(rules), { networks }), issues: [] };
  } catch (error) {
    if (isRuleError(error)) return { issues: error.issues };
    throw error;
  }
}

/** Makes the rule of an entry: without its protocol, and with what fetches its credentials. */
function toRuleConfig(entry: RuleEntry, expression: Expression | undefined): RuleConfig {
  const { protocol: _, match, syntax, to, auth, ...config } = entry;
  const pattern = syntax === 'regexp' ? { match: expression } : { match, syntax };
  return { ...config, ...pattern, ...toCredentials({ to, auth }) };
}

/** Reads the regular expressions of rules by their numbers. */
function readExpressions(
  entries: readonly unknown[],
  regexp: ParseOptions['regexp'],
): { readonly matches: ReadonlyMap<number, Expression>; readonly mistakes: readonly Mistake[] } {
  const matches = new Map<number, Expression>();
  const mistakes: Mistake[] = [];
  for (const [order, entry] of entries.entries()) {
    if (!isMapping(entry) || entry.syntax !== 'regexp') continue;
    const { match } = entry;
    const path = ['rules', order, 'match'];
    if (typeof match !== 'string') {
      const message = 'With `syntax: regexp`, write one regular expression as `match`.';
      mistakes.push({ code: 'invalid_match', path, message });
      continue;
    }
    try {
      if (!regexp) throw new PatternError('these rules are read without an engine for regular expressions');
      matches.set(order, regexp(match));
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      const message = `\`${match}\` is not a regular expression: ${error.message}.`;
      mistakes.push({ code: 'invalid_match', path, message });
    }
  }
  return { matches, mistakes };
}

function networksOf(data: unknown): NetworkLists | undefined {
  return isMapping(data) ? (data.networks as NetworkLists | undefined) : undefined;
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
