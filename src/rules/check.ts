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
  const candidates = (issue.errors ?? []).filter((errors) => !errors.some(isOtherType));
  const [meant] = candidates.toSorted((a, b) => countMistakes(a) - countMistakes(b));
  // When every form lacks its keys and nothing else, as with an empty mapping, none of them is meant.
  const undecided = candidates.length > 1 && candidates.flat().every(({ code }) => code === 'invalid_type');
  return meant && !undecided ? meant.flatMap((error) => chooseForm(error, path)) : [{ ...issue, path }];
}

function isOtherType({ code, path }: SchemaIssue): boolean {
  return code === 'invalid_type' && path.length === 0;
}

function countMistakes(issues: readonly SchemaIssue[]): number {
  return issues.reduce((count, { keys }) => count + (keys?.length ?? 1), 0);
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
