/** Something that one upstream serves and the other does not serve alike, or of which it could not be told. */
export type Finding = Missing | Differs | Unchecked;

interface Found {
  /** What it is of, as people call it: `acme/app:1.0`, `acme-cli@2.1.0`. */
  readonly name: string;
  /** Which part of it: `tag`, `layer`, `dist.integrity`. */
  readonly what: string;
  /** What else is known of it. */
  readonly note?: string | undefined;
  /** How often it was downloaded, by the access log. */
  readonly demand?: number | undefined;
}

/** The first upstream has it, and the second has not. */
export interface Missing extends Found {
  /** The kind of finding. */
  readonly type: 'missing';
}

/** Both have it, and it is not the same. */
export interface Differs extends Found {
  /** The kind of finding. */
  readonly type: 'differs';
  /** The value at the first upstream. */
  readonly a: string;
  /** The value at the second. */
  readonly b: string;
}

/** It is not known whether it is the same. */
export interface Unchecked extends Found {
  /** The kind of finding. */
  readonly type: 'unchecked';
  /** Why; one sentence without its full stop. */
  readonly reason: string;
}

/** Says that something is missing. */
export function missing(name: string, what: string, note?: string): Missing {
  return { type: 'missing', name, what, ...(note && { note }) };
}

/** How long a value in a finding is at most, in characters. */
const MOST_VALUE = 300;

/** Says that something differs; values that are long are cut. */
export function differs(name: string, what: string, a: unknown, b: unknown, note?: string): Differs {
  return { type: 'differs', name, what, a: toValue(a), b: toValue(b), ...(note && { note }) };
}

/** Says that something could not be checked. */
export function unchecked(name: string, what: string, reason: string): Unchecked {
  return { type: 'unchecked', name, what, reason };
}

function toValue(value: unknown): string {
  if (value === undefined || value === null || value === '') return '(none)';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MOST_VALUE ? `${text.slice(0, MOST_VALUE)}…` : text;
}

/** Why something cannot be told: thrown by what asks, and made a finding by the engine. */
export class Doubt extends Error {
  /** The name, by which other copies of this package know it too. */
  override readonly name = 'Doubt';
}

/** Why nothing more is asked: thrown by what asks, and ends the verification. */
export class Stop extends Error {
  /** The name, by which other copies of this package know it too. */
  override readonly name = 'Stop';
  /** The reason as a word. */
  readonly reason: StopReason;

  constructor(reason: StopReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Why a verification ended before its end. */
export type StopReason = 'budget' | 'interrupted' | 'unreachable';
