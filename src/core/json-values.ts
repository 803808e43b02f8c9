import type { JsonPath } from './json-rewrite.ts';
import type { ByteStream } from './protocol.ts';

/** The longest value that is looked at, in bytes; a longer one passes unchanged. */
const MAX_VALUE = 8_388_608;

/** The longest key that is read, in bytes; a longer one is none that a path has. */
const MAX_KEY = 65_536;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What becomes of a value: another one, or `undefined` for the same bytes. */
export type ReplaceJsonValue = (keys: readonly string[], value: unknown) => unknown;

/** An object or array that the scanner is inside of, and that a path leads into. */
interface Frame {
  readonly isArray: boolean;
  /** The paths whose keys so far are those of this one. */
  readonly live: readonly JsonPath[];
  expectsKey: boolean;
  key: string;
  /** The paths that go on with `key`. */
  next: readonly JsonPath[];
}

/**
 * Replaces values of a JSON document as it streams through: strings, objects and arrays at one of `paths`, in which `*`
 * stands for any key and for any place of an array. Every other byte stays; memory is bounded by the longest value looked
 * at. What is not JSON passes unchanged.
 */
export async function* rewriteJsonValues(
  body: ByteStream,
  paths: readonly JsonPath[],
  replace: ReplaceJsonValue,
): AsyncGenerator<Uint8Array, void, undefined> {
  const scanner = createScanner(paths, replace);
  for await (const chunk of body) yield* scanner.push(chunk);
  yield* scanner.end();
}

interface Scanner {
  push(chunk: Uint8Array): Uint8Array[];
  end(): Uint8Array[];
}

function createScanner(paths: readonly JsonPath[], replace: ReplaceJsonValue): Scanner {
  const stack: Frame[] = [];
  const held = createHold();
  /** How many objects and arrays deep the scanner is inside the value that is taken, or where no path leads. */
  let depth = 0;
  let taking = false;
  let reading: 'nothing' | 'key' | 'string' = 'nothing';
  let escaped = false;
  let chunk: Uint8Array = new Uint8Array();
  /** Where what has been neither put out nor held begins in the chunk. */
  let from = 0;
  let output: Uint8Array[] = [];

  /** The paths that lead to, or through, the value that begins. */
  function ways(): readonly JsonPath[] {
    const frame = stack.at(-1);
    return frame ? frame.next : paths;
  }

  function isWanted(): boolean {
    return depth === 0 && ways().some((path) => path.length === stack.length);
  }

  function open(isArray: boolean): void {
    const live = depth > 0 || taking ? [] : ways().filter((path) => path.length > stack.length);
    if (live.length === 0) depth++;
    else stack.push(createFrame(isArray, live, stack.length));
  }

  function close(): void {
    if (depth > 0) depth--;
    else stack.pop();
  }

  function separate(byte: number): void {
    const frame = depth > 0 ? undefined : stack.at(-1);
    if (!frame || frame.isArray) return;
    frame.expectsKey = byte === COMMA;
    if (byte === COMMA) frame.next = [];
  }

  function takeKey(text: string): void {
    const frame = stack.at(-1) as Frame;
    const index = stack.length - 1;
    frame.key = text;
    frame.next = frame.live.filter((path) => path[index] === text || path[index] === '*');
  }

  function replaceValue(bytes: Uint8Array): Uint8Array {
    const value = parseJson(bytes);
    const keys = stack.map(({ key }) => key);
    const other = value === undefined ? undefined : replace(keys, value);
    return other === undefined ? bytes : encoder.encode(JSON.stringify(other));
  }

  function endValue(last: Uint8Array): Uint8Array[] {
    const whole = held.take(last, MAX_VALUE);
    const released = held.release(last);
    return whole ? [replaceValue(whole)] : released;
  }

  function endKey(last: Uint8Array): Uint8Array[] {
    const whole = held.take(last, MAX_KEY);
    takeKey(whole ? String(parseJson(whole)) : '');
    return held.release(last);
  }

  function start(at: number): void {
    output.push(chunk.subarray(from, at));
    from = at;
    taking = true;
  }

  function finish(end: number): void {
    taking = false;
    output.push(...endValue(chunk.subarray(from, end)));
    from = end;
  }

  function finishString(at: number): void {
    const wasKey = reading === 'key';
    reading = 'nothing';
    if (wasKey) {
      output.push(...endKey(chunk.subarray(from, at + 1)));
      from = at + 1;
    } else if (taking && depth === 0) finish(at + 1);
  }

  function startString(at: number): void {
    const isKey = depth === 0 && !taking && stack.at(-1)?.expectsKey === true;
    reading = isKey ? 'key' : 'string';
    if (isKey) {
      output.push(chunk.subarray(from, at));
      from = at;
    } else if (!taking && isWanted()) start(at);
  }

  function enter(at: number, isArray: boolean): void {
    if (!taking && isWanted()) start(at);
    open(isArray);
  }

  function leave(at: number): void {
    close();
    if (taking && depth === 0) finish(at + 1);
  }

  /** Holds the end of a chunk when its value or key goes on in the next. */
  function keepRest(rest: Uint8Array): readonly Uint8Array[] {
    if (taking) return held.add(rest, MAX_VALUE);
    return reading === 'key' ? held.add(rest, MAX_KEY) : [rest];
  }

  function readStringByte(byte: number, at: number): void {
    if (escaped) escaped = false;
    else if (byte === BACKSLASH) escaped = true;
    else if (byte === QUOTE) finishString(at);
  }

  function step(byte: number, at: number): void {
    if (byte === QUOTE) startString(at);
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) enter(at, byte === OPEN_ARRAY);
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) leave(at);
    else if (byte === COMMA || byte === COLON) separate(byte);
  }

  return {
    push(next) {
      chunk = next;
      from = 0;
      output = [];
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at] as number;
        if (reading === 'nothing') step(byte, at);
        else readStringByte(byte, at);
      }
      output.push(...keepRest(chunk.subarray(from)));
      return output.filter((bytes) => bytes.length > 0);
    },
    end: () => held.release(new Uint8Array()),
  };
}

function createFrame(isArray: boolean, live: readonly JsonPath[], index: number): Frame {
  const next = isArray ? live.filter((path) => path[index] === '*') : [];
  return { isArray, live, expectsKey: !isArray, key: '', next };
}

/** Bytes of earlier chunks that wait for the rest of their value. */
interface Hold {
  /** Holds more; gives back everything once it is too much. */
  add(bytes: Uint8Array, most: number): readonly Uint8Array[];
  /** The whole with its last part; `undefined` when it was too much. Nothing is given up. */
  take(last: Uint8Array, most: number): Uint8Array | undefined;
  /** Gives back what is held, with the last part, and holds nothing any more. */
  release(last: Uint8Array): Uint8Array[];
}

function createHold(): Hold {
  let parts: Uint8Array[] = [];
  let length = 0;
  let overflown = false;

  function release(last: Uint8Array): Uint8Array[] {
    const released = [...parts, last].filter((bytes) => bytes.length > 0);
    parts = [];
    length = 0;
    overflown = false;
    return released;
  }

  return {
    release,
    add(bytes, most) {
      if (overflown || length + bytes.length > most) {
        const released = release(bytes);
        overflown = true;
        return released;
      }
      parts.push(bytes.slice());
      length += bytes.length;
      return [];
    },
    take(last, most) {
      if (overflown || length + last.length > most) return undefined;
      return length === 0 ? last : concat([...parts, last], length + last.length);
    },
  };
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
