import { closeSync, createReadStream, existsSync, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Checked, Finding, Journal } from '../verify/index.ts';

/** A journal in a file: a line of JSON for each name that is finished, after one that says what is verified. */
export interface JournalFile extends Journal {
  /** What was finished before, in the order of the file; read once. */
  earlier(): AsyncIterable<Checked>;
  /** Closes the file. */
  close(): void;
}

/** What a journal is of. */
interface Head {
  readonly verify: 1;
  readonly rule: string;
  readonly a: string;
  readonly b: string;
}

/**
 * Opens a journal, or begins one.
 *
 * @throws Error The file is the journal of something else.
 */
export async function openJournal(file: string, about: Omit<Head, 'verify'>): Promise<JournalFile> {
  const head: Head = { verify: 1, ...about };
  const done = new Set<string>();
  const begun = existsSync(file);
  if (begun) await load(file, head, done);
  const descriptor = openSync(file, 'a', 0o600);
  // A program that was killed may have left half a line.
  writeSync(descriptor, begun ? '\n' : `${JSON.stringify(head)}\n`);
  return {
    has: (name) => done.has(name),
    finish(name, findings) {
      const line = { name, ...(findings.length > 0 && { findings }) };
      writeSync(descriptor, `${JSON.stringify(line)}\n`);
    },
    async *earlier() {
      if (!begun) return;
      const passed = new Set<string>();
      for await (const { name, findings = [] } of readEntries(file)) {
        if (passed.has(name) || !done.has(name)) continue;
        passed.add(name);
        yield { name, findings, demand: findings[0]?.demand };
      }
    },
    close: () => closeSync(descriptor),
  };
}

async function load(file: string, head: Head, done: Set<string>): Promise<void> {
  let first = true;
  for await (const line of readLines(file)) {
    if (first && JSON.stringify(parse(line)) !== JSON.stringify(head))
      throw new Error(`${file} is not the journal of this verification; give --resume another file.`);
    first = false;
    const entry = toEntry(line);
    if (entry) done.add(entry.name);
  }
}

interface Entry {
  readonly name: string;
  readonly findings?: readonly Finding[];
}

async function* readEntries(file: string): AsyncGenerator<Entry, void, undefined> {
  for await (const line of readLines(file)) {
    const entry = toEntry(line);
    if (entry) yield entry;
  }
}

/** The lines of a text file, one by one. */
export function readLines(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
}

function toEntry(line: string): Entry | undefined {
  const entry = parse(line) as Entry | undefined;
  return typeof entry?.name === 'string' ? entry : undefined;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
