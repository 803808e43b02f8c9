import { isObject } from '../core/json-document.ts';
import { suggest } from '../core/suggest.ts';
import { listWords, type Mistake } from '../rules/mistake.ts';
import type { Path } from '../rules/rule-file.ts';

/** What a field of a manifest must be. */
interface Field {
  /** What must stand there, for a sentence. */
  readonly expected: string;
  /** Whether a value is that. */
  readonly test: (value: unknown) => boolean;
  /** Whether it must be there. */
  readonly required?: boolean;
}

/** The type of a rule of a manifest. */
export type RuleType =
  | 'docker-v1'
  | 'docker-v2'
  | 'file-v1'
  | 'file-v2'
  | 'python-v1'
  | 'catch-all-v1'
  | 'telemetry-v1'
  | 'pixel-v1'
  | 'package-event-v1';

/** A rule of a manifest whose fields have the values that they must. */
export type ManifestRule = Readonly<Record<string, unknown>> & { readonly type: RuleType };

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const text = (expected: string): Field => ({ expected, test: isText });
const required = (expected: string): Field => ({ ...text(expected), required: true });
const flag: Field = { expected: '`true` or `false`', test: (value) => typeof value === 'boolean' };

const COMMON = {
  type: required('the type of a rule'),
  domain: required('the host that people use'),
  'package-id': text('text'),
  'package-name': text('text'),
  // The other gateway writes an owner that nobody gave as an empty text.
  owner: { expected: 'text', test: (value: unknown) => typeof value === 'string' },
};
const DOCKER = {
  registry: { expected: 'the host of a registry', test: isHost, required: true },
  'always-proxy': flag,
};
const FILE = { 'outgoing-url': text('an address') };

/** The fields that each type of rule can have. */
const TYPES: Readonly<Record<RuleType, Readonly<Record<string, Field>>>> = {
  'docker-v1': { ...COMMON, ...DOCKER, 'repository-name': required('the name of an image') },
  'docker-v2': {
    ...COMMON,
    ...DOCKER,
    pattern: required('a pattern such as `library/*`'),
    'rule-id': text('text'),
  },
  'file-v1': { ...COMMON, ...FILE, 'incoming-path': required('a path, as an RFC 6570 template') },
  'file-v2': { ...COMMON, ...FILE, 'incoming-path': required('a regular expression') },
  'python-v1': {
    ...COMMON,
    'package-name': required('the name of a project'),
    'file-name': required('the name of a file'),
    version: text('text'),
    'hash-value': { expected: 'a mapping with `type` and `hash`', test: isHash },
    'gpg-sig': flag,
    'requires-python': text('versions of Python'),
    'backend-url': required('an address'),
    'backend-simple-index-url': text('an address'),
    'backend-simple-index': text('an address'),
  },
  'catch-all-v1': { ...COMMON, 'redirect-target-domain': text('a host') },
  'telemetry-v1': {
    ...COMMON,
    'incoming-path': required('a path'),
    'access-tokens': { expected: 'a list of tokens', test: isTexts },
    'max-request-body': { expected: 'a number of bytes', test: isCount },
    'max-events': { expected: 'a number', test: isCount },
  },
  'pixel-v1': COMMON,
  'package-event-v1': COMMON,
};

const HASH_KEYS = ['type', 'hash'];

function isHash(value: unknown): boolean {
  return isObject(value) && HASH_KEYS.every((key) => isText(value[key]));
}

function isHost(value: unknown): boolean {
  return isText(value) && /^(?:https?:\/\/)?[^/?#]+\/?$/i.test(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

/** Tells a manifest by its shape: rules that have a `type`, where those of Turnout have a `protocol`. */
export function isManifest(data: unknown): data is { readonly rules: readonly unknown[] } {
  const rules = isObject(data) ? data.rules : undefined;
  if (!Array.isArray(rules)) return false;
  return rules.some((rule) => has(rule, 'type')) && !rules.some((rule) => has(rule, 'protocol'));
}

function has(rule: unknown, key: string): boolean {
  return isObject(rule) && Object.hasOwn(rule, key);
}

/** Checks a rule of a manifest; `undefined` when it has a mistake, which is reported. */
export function checkRule(
  rule: unknown,
  order: number,
  report: (mistake: Mistake) => void,
): ManifestRule | undefined {
  const path = ['rules', order];
  if (!isObject(rule)) {
    report({
      code: 'invalid_value',
      path,
      message: 'A rule of a manifest is a mapping with `type` and `domain`.',
    });
    return undefined;
  }
  const { type } = rule;
  if (type === undefined || type === null) {
    report({ code: 'missing_key', path, message: `\`type\` is missing here; write ${listTypes()}.` });
    return undefined;
  }
  if (!isType(type)) {
    report({ code: 'invalid_value', path: [...path, 'type'], message: explainType(type) });
    return undefined;
  }
  const mistakes = findMistakes(rule, type, path);
  for (const mistake of mistakes) report(mistake);
  // What is `null` is what is left out.
  const entries = Object.entries(rule).filter(([, value]) => value !== null);
  return mistakes.length > 0 ? undefined : { ...Object.fromEntries(entries), type };
}

function isType(type: unknown): type is RuleType {
  return typeof type === 'string' && Object.hasOwn(TYPES, type);
}

function listTypes(): string {
  return listWords(Object.keys(TYPES), 'or');
}

function explainType(type: unknown): string {
  const near = typeof type === 'string' ? suggest(type, Object.keys(TYPES)) : undefined;
  const which = typeof type === 'string' ? `rule type \`${type}\`` : 'such rule type';
  return `There is no ${which}; ${near ? `did you mean \`${near}\`?` : `write ${listTypes()}.`}`;
}

function findMistakes(
  rule: Readonly<Record<string, unknown>>,
  type: RuleType,
  path: Path,
): readonly Mistake[] {
  const fields = TYPES[type];
  const names = Object.keys(fields);
  const unknown = Object.keys(rule).filter((key) => !names.includes(key));
  const meant = new Set(unknown.map((key) => findNear(key, names)));
  const missing = names.filter((name) => fields[name]?.required && (rule[name] ?? undefined) === undefined);
  const wrong = names.filter((name) => {
    const value = rule[name] ?? undefined;
    return value !== undefined && !fields[name]?.test(value);
  });
  return [
    ...unknown.map(
      (key): Mistake => ({
        code: 'unknown_key',
        path: [...path, key],
        message: explainUnknown(key, type, names),
        atKey: true,
      }),
    ),
    // A field that is missing where a misspelt one stands is one mistake.
    ...missing
      .filter((name) => !meant.has(name))
      .map(
        (name): Mistake => ({
          code: 'missing_key',
          path: [...path, name],
          message: `\`${name}\` is missing here; write \`${name}\` with ${fields[name]?.expected}.`,
        }),
      ),
    ...wrong.map(
      (name): Mistake => ({
        code: 'invalid_value',
        path: [...path, name],
        message: `\`${name}\` must be ${fields[name]?.expected}.`,
      }),
    ),
  ];
}

/** What the other gateway's own page calls a field, where its program calls it something else. */
const OTHER_NAMES: Readonly<Record<string, string>> = { 'backend-registry': 'registry' };

function explainUnknown(key: string, type: RuleType, names: readonly string[]): string {
  const near = findNear(key, names);
  const hint = near ? `did you mean \`${near}\`?` : `there is ${listWords(names, 'and')}.`;
  return `A rule of type \`${type}\` has no field \`${key}\`; ${hint}`;
}

function findNear(key: string, names: readonly string[]): string | undefined {
  const other = OTHER_NAMES[key];
  return other !== undefined && names.includes(other) ? other : suggest(key, names);
}
