import type { ByteStream } from './protocol.ts';

/** The longest string that is looked at, in bytes; a longer one passes unchanged. */
const MAX_STRING = 65_536;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The keys that lead to a string, from the root; `*` stands for any key. Arrays are not looked into. */
export type JsonPath = readonly string[];

/** An object that the scanner is inside of, and that a path leads into. */
interface Frame {
  /** The paths whose keys so far are those of this object. */
  readonly live: readonly JsonPath[];
  expectsKey: boolean;
  key: string;
  /** The paths that go on with `key`. */
  next: readonly JsonPath[];
}

const NONE: readonly JsonPath[] = [];

/**
 * Replaces strings of a JSON document as it streams through: those at one of `paths`, by what `replace` makes of them.
 * Every other byte stays; memory is bounded by the longest string looked at. What is not JSON passes unchanged.
 */
export async function* rewriteJsonStrings(
  body: ByteStream,
  paths: readonly JsonPath[],
  replace: (keys: readonly string[], value: string) => string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const scanner = createScanner(paths, replace);
  for await (const chunk of body) yield* scanner.push(chunk);
  yield* scanner.end();
}

interface Scanner {
  push(chunk: Uint8Array): Uint8Array[];
  end(): Uint8Array[];
}

function createScanner(
  paths: readonly JsonPath[],
  replace: (keys: readonly string[], value: string) => string,
): Scanner {
  const stack: Frame[] = [];
  /** How many objects and arrays deep the scanner is where no path leads. */
  let astray = 0;
  let held: Uint8Array[] = [];
  let heldLength = 0;
  /** What the string being read is: nothing, one to skip, a key, or a value to replace. */
  let reading: 'nothing' | 'skip' | 'key' | 'value' = 'nothing';
  let backslashes = 0;

  /** Where the string that is being read ends in the chunk, or -1. */
  function findEnd(chunk: Uint8Array, from: number): number {
    for (let start = from; ; ) {
      const quote = chunk.indexOf(QUOTE, start);
      const end = quote === -1 ? chunk.length : quote;
      let run = 0;
      while (end - run > start && chunk[end - run - 1] === BACKSLASH) run++;
      if (end - run === start) run += backslashes;
      if (quote === -1) {
        backslashes = run;
        return -1;
      }
      backslashes = 0;
      if (run % 2 === 0) return quote;
      start = quote + 1;
    }
  }

  function hold(bytes: Uint8Array): void {
    held.push(bytes.slice());
    heldLength += bytes.length;
  }

  function release(): Uint8Array[] {
    const released = held;
    held = [];
    heldLength = 0;
    return released;
  }

  function startString(): void {
    const frame = astray > 0 ? undefined : stack.at(-1);
    backslashes = 0;
    if (frame?.expectsKey) reading = 'key';
    else reading = frame?.next.some((path) => path.length === stack.length) ? 'value' : 'skip';
  }

  function open(isObject: boolean): void {
    const parent = stack.at(-1);
    const live = !isObject ? NONE : parent ? parent.next.filter((path) => path.length > stack.length) : paths;
    if (astray > 0 || live.length === 0) astray++;
    else stack.push({ live, expectsKey: true, key: '', next: NONE });
  }

  function close(): void {
    if (astray > 0) astray--;
    else stack.pop();
  }

  function takeKey(frame: Frame, key: string): void {
    const index = stack.length - 1;
    frame.key = key;
    frame.next = frame.live.filter((path) => path[index] === key || path[index] === '*');
  }

  function structure(byte: number): void {
    const frame = astray > 0 ? undefined : stack.at(-1);
    if (byte === QUOTE) startString();
    else if (byte === OPEN_OBJECT) open(true);
    else if (byte === OPEN_ARRAY) open(false);
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) close();
    else if (byte === COLON && frame) frame.expectsKey = false;
    else if (byte === COMMA && frame) {
      frame.expectsKey = true;
      frame.next = NONE;
    }
  }

  /** Ends the string that is being read with its last part; returns what a value becomes. */
  function finish(part: Uint8Array): string | undefined {
    const what = reading;
    reading = 'nothing';
    if (what === 'skip') return undefined;
    const text = readString(held.length === 0 ? part : concat([...held, part]));
    release();
    const keys = stack.map((frame) => frame.key);
    if (what === 'value') return replace(keys, text);
    takeKey(stack.at(-1) as Frame, text);
    return undefined;
  }

  /** Reads the string from `start` on, or as much of it as the chunk has; returns where to go on. */
  function readPart(chunk: Uint8Array, start: number, output: Output): number {
    const end = findEnd(chunk, start);
    const part = chunk.subarray(start, end === -1 ? chunk.length : end);
    if (reading !== 'skip' && heldLength + part.length > MAX_STRING) {
      const released = release();
      if (reading === 'value') output.put(start, start, ...released);
      reading = 'skip';
    }
    if (end !== -1) {
      const value = finish(part);
      if (value !== undefined) output.put(start, end, writeString(value));
      return end + 1;
    }
    if (reading !== 'skip') hold(part);
    if (reading === 'value') output.put(start, chunk.length);
    return chunk.length;
  }

  return {
    push(chunk) {
      const output = createOutput(chunk);
      for (let at = 0; at < chunk.length; ) {
        if (reading !== 'nothing') at = readPart(chunk, at, output);
        else structure(chunk[at++] as number);
      }
      return output.end();
    },
    end: () => (reading === 'value' ? release() : []),
  };
}

/** What becomes of a chunk: its own bytes, but for some. */
interface Output {
  /** Puts other bytes in the place of those from `start` to `end`. */
  put(start: number, end: number, ...instead: readonly Uint8Array[]): void;
  /** All that has not been put elsewhere. */
  end(): Uint8Array[];
}

function createOutput(chunk: Uint8Array): Output {
  const pieces: Uint8Array[] = [];
  let pending = 0;
  return {
    put(start, end, ...instead) {
      pieces.push(chunk.subarray(pending, start), ...instead);
      pending = end;
    },
    end() {
      pieces.push(chunk.subarray(pending));
      const filled = pieces.filter((bytes) => bytes.length > 0);
      // Whatever comes next, a coder or a socket, takes its time for each piece.
      return filled.length > 1 ? [concat(filled)] : filled;
    },
  };
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

function readString(bytes: Uint8Array): string {
  const text = decoder.decode(bytes);
  if (!text.includes('\\')) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}

function writeString(value: string): Uint8Array {
  return encoder.encode(JSON.stringify(value).slice(1, -1));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
