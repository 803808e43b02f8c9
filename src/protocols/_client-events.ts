import { isObject, type JsonObject } from '../core/json-document.ts';
import type { Tools } from '../core/protocol.ts';

/** Events that a client sent, or why they cannot be taken. */
export type ClientEvents =
  | { readonly events: readonly JsonObject[] }
  | { readonly status: 400 | 413; readonly message: string };

/** How much a request may bring. */
export interface EventLimits {
  /** The most bytes of a body. */
  readonly bytes: number;
  /** The most events. */
  readonly events: number;
}

/** So much is read of a body at least, since a client that is cut off while it writes sees no answer. */
const LEAST_READ = 1_048_576;
/** The deepest place in an event. */
const MAX_DEPTH = 32;

/**
 * Reads the events of a request: JSON objects one after another, on lines of their own (NDJSON) or not, or lists of
 * them. All of them are taken, or none.
 */
export async function readEvents(tools: Tools, { bytes, events: most }: EventLimits): Promise<ClientEvents> {
  const tooLong = { status: 413, message: `A body has at most ${bytes} bytes here.` } as const;
  if (Number(tools.field('content-length') ?? 0) > bytes) return tooLong;
  const text = await tools.readBody(Math.max(bytes, LEAST_READ));
  if (text === undefined || new TextEncoder().encode(text).length > bytes) return tooLong;
  const events: JsonObject[] = [];
  for (const part of splitValues(text)) {
    const problem = addEvents(part, events);
    if (problem !== undefined) return { status: 400, message: problem };
    if (events.length > most)
      return {
        status: 413,
        message: `A request has at most ${most} ${most === 1 ? 'event' : 'events'} here.`,
      };
  }
  return { events };
}

/** Whether a client may be counted: not when it asks not to be (Tracking Preference Expression; Global Privacy Control). */
export function mayCount(tools: Tools): boolean {
  return tools.field('dnt') !== '1' && tools.field('sec-gpc') !== '1';
}

/** The parameters of a query by name, decoded; of several of one name the first. */
export function readQuery(query: string | undefined): Readonly<Record<string, string>> {
  const pairs = [...new URLSearchParams(query ?? '')].filter(([name]) => name !== '' && isKept(name));
  return Object.fromEntries(pairs.reverse());
}

/** Adds the events of one text; says what is wrong with it. */
function addEvents(text: string, events: JsonObject[]): string | undefined {
  const number = events.length + 1;
  const value = parse(text);
  if (value === undefined) return `Event ${number} is not JSON.`;
  const list = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  for (const [index, item] of list.entries()) {
    const event = isObject(item) ? flatten(item) : undefined;
    if (event === undefined)
      return isObject(item)
        ? `Event ${number + index} is nested more than ${MAX_DEPTH} levels deep.`
        : `Event ${number + index} is not a JSON object.`;
    events.push(event);
  }
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Splits a text into the values that stand in it one after another; what is no object or list is left whole. */
function* splitValues(text: string): Generator<string> {
  const mark = /[^\s]/g;
  for (let start = next(mark, text, 0); start !== -1; ) {
    const end = findEnd(text, start);
    yield text.slice(start, end);
    start = next(mark, text, end);
  }
}

function next(mark: RegExp, text: string, from: number): number {
  mark.lastIndex = from;
  return mark.exec(text)?.index ?? -1;
}

/** The offset behind the object or list that starts at an offset. */
function findEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = findQuote(text, at);
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (depth <= 0) return at === start ? text.length : at + 1;
  }
  return text.length;
}

/** The offset of the quote that ends the string that starts at an offset. */
function findQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return text.length;
}

/** One level of keys, `a.b` for `b` in `a`; `undefined` when it is nested too deeply. */
function flatten(event: JsonObject): JsonObject | undefined {
  const entries: [string, unknown][] = [];
  const visit = (value: unknown, name: string, depth: number): boolean => {
    if (typeof value !== 'object' || value === null) {
      entries.push([name, value]);
      return true;
    }
    if (depth > MAX_DEPTH) return false;
    const inside = name === '' ? '' : `${name}.`;
    return Object.entries(value).every(([key, item]) => !isKept(key) || visit(item, inside + key, depth + 1));
  };
  return visit(event, '', 1) ? Object.fromEntries(entries) : undefined;
}

/** A client's address is never kept, also when it is the client that tells it. */
function isKept(name: string): boolean {
  return name !== '$remote_address';
}
