import { LineCounter } from 'yaml';
import type { Position } from '../core/errors.ts';
import { placeInJson, readJson } from './json-text.ts';
import type { Mistake } from './mistake.ts';
import { findOffset, type Place } from './place.ts';
import { readYaml } from './yaml-text.ts';

/** The largest rule file, in bytes and in UTF-16 code units. */
export const MAX_SIZE: number = 16 * 1024 * 1024;

/** The text of a rule file, read. */
export interface RuleDocument {
  /** The data. */
  readonly data: unknown;
  /** What is wrong with the text itself: its syntax, or keys that stand twice. */
  readonly mistakes: readonly Mistake[];
  /** Finds where a mistake stands. */
  locate(mistake: Mistake): Position;
}

/** Reads YAML or JSON. */
export function readDocument(source: string, file: string): RuleDocument {
  const text = source.replace(/^\uFEFF/, '');
  const { data, root, mistakes } = read(text);
  let lines: LineCounter | undefined;
  return {
    data,
    mistakes,
    locate({ path, atKey = false, offset }) {
      lines ??= countLines(text);
      const { line, col } = lines.linePos(offset ?? findOffset(root, path, atKey));
      return { file, line, column: col };
    },
  };
}

function read(text: string): { data: unknown; root: Place; mistakes: readonly Mistake[] } {
  if (text.length > MAX_SIZE) return { data: undefined, root: placeInJson('', 0), mistakes: [explainSize()] };
  // `JSON.parse` takes a fiftieth of the YAML parser's time, which matters with tens of thousands of rules.
  const start = text.search(/\S/);
  const data = text[start] === '{' ? readJson(text) : undefined;
  return data === undefined ? readYaml(text) : { data, root: placeInJson(text, start), mistakes: [] };
}

/** Explains that a file is too large. */
export function explainSize(): Mistake {
  const message =
    'The file has more than 16 MiB, the most that is read; split it, or write fewer rules with patterns.';
  return { code: 'invalid_syntax', path: [], message };
}

function countLines(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of text.matchAll(/\n/g)) lines.addNewLine(index + 1);
  return lines;
}
