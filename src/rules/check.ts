import {
  explainMissingKey,
  explainUnknownKey,
  explainUnknownProtocol,
  explainValue,
  findNearestKey,
} from './explain.ts';
import type { Mistake } from './mistake.ts';
import { isMapping, type Path, valueAt } from './rule-file.ts';
import { findSchemaIssues, type SchemaIssue } from './schema.ts';

/** Checks the shape of a rule file and the names of its protocols; a mistake that shows twice is told once. */
export function checkRuleFile(data: unknown, protocolNames: readonly string[]): readonly Mistake[] {
  if (data === null || data === undefined) return [explainEmptiness([])];
  const rules = isMapping(data) ? data.rules : undefined;
  const empty = rules === null || (Array.isArray(rules) && rules.length === 0);
  const issues = findSchemaIssues(data).flatMap((issue) => chooseForm(issue, []));
  const unknown = issues.flatMap(({ keys, path }) => (keys ?? []).map((key) => [...path, key] as Path));
  const meant = new Set(unknown.map((path) => [...path.slice(0, -1), findNearestKey(path)].join('/')));
  const others = issues.flatMap((issue) => {
    const path = issue.path as Path;
    if (issue.keys || (empty && path[0] === 'rules')) return [];
    if (valueAt(data, path) !== undefined) return [explainValue(issue, path, valueAt(data, path))];
    // A key that is missing where a misspelt one stands is one mistake.
    return meant.has(path.join('/')) ? [] : [explainMissingKey(path, issue.message, protocolNames)];
  });
  return [
    ...(empty ? [explainEmptiness(['rules'])] : []),
    ...unknown.map((path) => explainUnknownKey(path, valueAt(data, path.slice(0, -1)))),
    ...others,
    ...(Array.isArray(rules) ? checkProtocols(rules, protocolNames) : []),
  ];
}

/** Replaces what is wrong with a choice of forms by what is wrong with the form that is meant. */
function chooseForm(issue: SchemaIssue, base: Path): readonly SchemaIssue[] {
  const path = [...base, ...(issue.path as Path)];
  const candidates = listCandidates(issue);
  const [meant, next] = candidates
    .map((issues) => ({ issues, mistakes: countMistakes(issues, path) }))
    .toSorted((a, b) => a.mistakes - b.mistakes);
  // When every form lacks its keys and nothing else, as with an empty mapping, none of them is meant.
  const undecided = candidates.length > 1 && candidates.flat().every(({ code }) => code === 'invalid_type');
  if (!meant || undecided) return [{ ...issue, path }];
  // What is missing depends on the form, which keys that nobody knows do not tell.
  const unknown = meant.issues.filter(({ keys }) => keys);
  const told = meant.mistakes === next?.mistakes && unknown.length > 0 ? unknown : meant.issues;
  return told.flatMap((error) => chooseForm(error, path));
}

/** The forms that a value can be meant as: those of its type, and among these rather a mapping than a word. */
function listCandidates({ errors = [] }: SchemaIssue): readonly (readonly SchemaIssue[])[] {
  const candidates = errors.filter((issues) => !issues.some(isOtherType));
  const mappings = candidates.filter((issues) => !issues.some(isOtherWord));
  return mappings.length > 0 ? mappings : candidates;
}

function isOtherType({ code, path }: SchemaIssue): boolean {
  return code === 'invalid_type' && path.length === 0;
}

function isOtherWord({ code, path }: SchemaIssue): boolean {
  return code === 'invalid_value' && path.length === 0;
}

/** Counts what is wrong; a key that is missing where a misspelt one stands is one mistake. */
function countMistakes(issues: readonly SchemaIssue[], base: Path): number {
  const unknown = issues.flatMap(({ keys = [], path }) =>
    keys.map((key) => [...base, ...(path as Path), key] as Path),
  );
  const meant = unknown.map(findNearestKey);
  const missing = issues.filter(({ keys, path }) => !keys && meant.includes(String(path.at(-1)))).length;
  return issues.reduce((count, { keys }) => count + (keys?.length ?? 1), 0) - missing;
}

function explainEmptiness(path: Path): Mistake {
  return { code: 'empty_rule_set', path, message: 'There are no rules; write at least one under `rules:`.' };
}

function checkProtocols(rules: readonly unknown[], names: readonly string[]): readonly Mistake[] {
  return rules.flatMap((rule, order) => {
    const name = isMapping(rule) ? rule.protocol : undefined;
    return typeof name !== 'string' || names.includes(name)
      ? []
      : [explainUnknownProtocol(name, order, names)];
  });
}
