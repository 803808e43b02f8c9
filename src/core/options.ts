import { isObject } from './json-document.ts';
import { suggest } from './suggest.ts';

/** What the names of a mapping must look like. */
export interface OptionNames {
  /** The expression that they match; linear, and anchored. */
  readonly pattern: RegExp;
  /** What must stand there, for the sentence `Write …`. */
  readonly expected: string;
}

/** What a value must be. */
export type OptionType = {
  /** What must stand there, for the sentence `Write …`: `the address of a key`. */
  readonly expected: string;
} & (
  | {
      /** Text in one line. */
      readonly type: 'text';
      /** What it must look like; linear, and anchored. */
      readonly pattern?: RegExp;
    }
  | {
      /** `true` or `false`. */
      readonly type: 'flag';
    }
  | {
      /** A whole number. */
      readonly type: 'number';
      /** The least. */
      readonly least: number;
      /** The most. */
      readonly most: number;
    }
  | {
      /** One of some words. */
      readonly type: 'word';
      /** The words. */
      readonly words: readonly string[];
    }
  | {
      /** A list. */
      readonly type: 'list';
      /** What each of its items is. */
      readonly of: OptionType;
    }
  | {
      /** A mapping whose names are the user's own. */
      readonly type: 'map';
      /** What a name must look like, linear and anchored, and what must stand there; any name when left out. */
      readonly names?: OptionNames;
      /** What each of its values is. */
      readonly of: OptionType;
    }
  | {
      /** A mapping whose names are given. */
      readonly type: 'record';
      /** The names. */
      readonly keys: OptionShape;
    }
);

/** One option. */
export type Option = OptionType & {
  /** What it is, one sentence, for editors. */
  readonly description: string;
  /** Whether it must be there. Default false. */
  readonly required?: boolean;
  /** What it is when it is left out, for editors. */
  readonly default?: unknown;
  /** Examples, for editors. */
  readonly examples?: readonly unknown[];
};

/** The options of a protocol by name. */
export type OptionShape = Readonly<Record<string, Option>>;

/** The options of a rule: JSON data that has the shape that the protocol gives. */
export type Options = Readonly<Record<string, unknown>>;

/** Is told what is wrong: the code, the keys below `options`, a sentence. */
export type OptionReport = (
  code: 'invalid_value' | 'missing_key' | 'unknown_key',
  key: readonly (string | number)[],
  message: string,
) => void;

/** Checks the options of a rule against the shape that its protocol gives, and reports everything that is wrong. */
export function checkOptions(shape: OptionShape, options: unknown, report: OptionReport): void {
  checkValue({ type: 'record', keys: shape, expected: 'a mapping' }, options, [], report);
}

function checkValue(
  type: OptionType,
  value: unknown,
  key: readonly (string | number)[],
  report: OptionReport,
): void {
  if (!fits(type, value)) report('invalid_value', key, `Write ${type.expected}.`);
  else if (type.type === 'record') checkRecord(type.keys, value as Options, key, report);
  else if (type.type === 'list')
    for (const [index, item] of (value as readonly unknown[]).entries())
      checkValue(type.of, item, [...key, index], report);
  else if (type.type === 'map')
    for (const [name, item] of Object.entries(value as Options)) {
      const { names } = type;
      if (names && !names.pattern.test(name))
        report('invalid_value', [...key, name], `\`${name}\` cannot stand here. Write ${names.expected}.`);
      checkValue(type.of, item, [...key, name], report);
    }
}

function checkRecord(
  shape: OptionShape,
  value: Options,
  key: readonly (string | number)[],
  report: OptionReport,
): void {
  const names = Object.keys(shape);
  for (const [name, item] of Object.entries(value)) {
    const option = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (option) checkValue(option, item, [...key, name], report);
    else report('unknown_key', [...key, name], explainUnknown(name, names));
  }
  for (const [name, { required, expected }] of Object.entries(shape)) {
    if (required && !Object.hasOwn(value, name))
      report('missing_key', key, `The option \`${name}\` is missing; write ${expected}.`);
  }
}

function explainUnknown(name: string, names: readonly string[]): string {
  if (names.length === 0) return `There is no option \`${name}\` here; leave it out.`;
  const near = suggest(name, names);
  const hint = near
    ? `did you mean \`${near}\`?`
    : `there is ${names.map((other) => `\`${other}\``).join(', ')}.`;
  return `There is no option \`${name}\`; ${hint}`;
}

/** Whether a value is of a type, what is below it aside. */
function fits(type: OptionType, value: unknown): boolean {
  switch (type.type) {
    case 'text':
      return typeof value === 'string' && /^\P{Cc}*$/u.test(value) && (type.pattern?.test(value) ?? true);
    case 'flag':
      return typeof value === 'boolean';
    case 'number':
      return Number.isSafeInteger(value) && Number(value) >= type.least && Number(value) <= type.most;
    case 'word':
      return type.words.some((word) => word === value);
    case 'list':
      return Array.isArray(value);
    case 'map':
    case 'record':
      return isObject(value);
  }
}
