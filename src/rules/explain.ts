import { suggest } from '../core/suggest.ts';
import { listWords, type Mistake } from './mistake.ts';
import type { Path } from './rule-file.ts';
import { allowedKeys, type SchemaIssue } from './schema.ts';

/** Explains a key that cannot stand in its mapping. */
export function explainUnknownKey(path: Path, mapping: unknown): Mistake {
  const key = String(path.at(-1));
  const allowed = keysBeside(path);
  const others = Object.keys(mapping ?? {}).filter((other) => other !== key && allowed.includes(other));
  const near = findNearestKey(path);
  const hint = near ? `did you mean \`${near}\`?` : `the keys are ${listWords(allowed, 'and')}.`;
  const message = allowed.includes(key)
    ? `\`${key}\` cannot stand beside ${listWords(others, 'and')}; write the one or the other.`
    : `There is no key \`${key}\`; ${hint}`;
  return { code: 'unknown_key', path, message, atKey: true };
}

/** Finds the key that an unknown one was most likely meant to be; `undefined` when none is near. */
export function findNearestKey(path: Path): string | undefined {
  const key = String(path.at(-1));
  const allowed = keysBeside(path);
  return suggest(key, allowed) ?? allowed.find((other) => key.length > 2 && other.startsWith(key));
}

/** Lists the keys that the mapping around a key can have. */
function keysBeside(path: Path): readonly string[] {
  return allowedKeys[path.slice(0, -1).findLast((key) => typeof key === 'string') ?? ''] ?? [];
}

/** Explains that a mapping lacks a key. */
export function explainMissingKey(path: Path, expected: string, protocolNames: readonly string[]): Mistake {
  const key = path.at(-1);
  const value = key === 'protocol' ? listWords(protocolNames, 'or') : expected;
  return {
    code: 'missing_key',
    path,
    message: `\`${key}\` is missing here; write \`${key}:\` with ${value}.`,
  };
}

/** Explains a protocol that does not exist. */
export function explainUnknownProtocol(name: string, order: number, names: readonly string[]): Mistake {
  const near = suggest(name, names);
  const hint = near ? `did you mean \`${near}\`?` : `write ${listWords(names, 'or')}.`;
  return {
    code: 'unknown_protocol',
    path: ['rules', order, 'protocol'],
    message: `There is no protocol \`${name}\`; ${hint}`,
  };
}

/** Explains a value that cannot stand under its key; says what kind of value it is, never the value. */
export function explainValue(issue: SchemaIssue, path: Path, value: unknown): Mistake {
  const choices = (issue.values ?? []) as readonly (string | number)[];
  const near = typeof value === 'string' ? suggest(value, choices.map(String)) : undefined;
  const isNumber = choices.some((choice) => typeof choice === 'number' && String(choice) === near);
  const hint = near && !isNumber ? `; did you mean \`${near}\`?` : `${explainKind(issue, value)}.`;
  return { code: 'invalid_value', path, message: `${nameOf(path)} must be ${issue.message}${hint}` };
}

function nameOf(path: Path): string {
  const key = path.at(-1);
  if (key === undefined) return 'A rule file';
  if (typeof key === 'string') return `\`${key}\``;
  return path.length === 2 ? 'A rule' : `An entry of \`${path.at(-2)}\``;
}

function explainKind({ expected, errors = [], values = [] }: SchemaIssue, value: unknown): string {
  if (isEmpty(value)) return '; it is empty';
  if (Array.isArray(value)) return '; this is a list';
  if (typeof value === 'string') {
    return values.some((choice) => typeof choice === 'number') ? '; write the number itself, not text' : '';
  }
  const forms = [expected, ...errors.flat().map((error) => error.path.length === 0 && error.expected)];
  const text = forms.includes('string');
  if (typeof value !== 'object') return text ? '; put it in quotes' : '';
  return text ? '; this is a mapping, so put it in quotes if it is meant as text' : '; this is a mapping';
}

function isEmpty(value: unknown): boolean {
  return value === '' || (typeof value === 'object' && Object.keys(value ?? {}).length === 0);
}
