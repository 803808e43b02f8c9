import { escapeText } from './_template.ts';

/** The most patterns that the choices of a glob may multiply to. */
const MAX_PATTERNS = 256;

/** A piece of a name: text, or anything within a segment. */
type Part = { readonly text: string } | { readonly star: true };

/** Patterns, or what is wrong with a glob. */
export type GlobPatterns = { readonly patterns: readonly string[] } | { readonly problem: string };

/**
 * Makes patterns in path-to-regexp's syntax of a glob: `*` for any characters of a segment, or none; `{a,b}` for one of
 * several; `\` before `*`, `{`, `}` and `,` for the character itself.
 */
export function globToPatterns(glob: string): GlobPatterns {
  const reader = { text: glob, at: 0, problem: undefined as string | undefined };
  const sequences = readSequences(reader, 0);
  const problem =
    reader.problem ??
    (reader.at < glob.length ? `\`${glob[reader.at]}\` has nothing that it closes` : undefined);
  if (problem !== undefined) return { problem };
  const patterns = [...new Set(sequences.map(writePattern))];
  return patterns.some((pattern) => /^$|^\/|\/$|\/\//.test(pattern))
    ? { problem: 'a segment of it is empty' }
    : { patterns };
}

interface Reader {
  readonly text: string;
  at: number;
  problem: string | undefined;
}

/** Reads up to the end, or within braces up to a comma or the brace that closes; every sequence that the choices make. */
function readSequences(reader: Reader, depth: number): readonly (readonly Part[])[] {
  let sequences: readonly (readonly Part[])[] = [[]];
  while (reader.at < reader.text.length && reader.problem === undefined) {
    const char = reader.text[reader.at] ?? '';
    if (char === '}' || char === ',') break;
    if (char === '/' && depth > 0) reader.problem = 'a choice in braces has a slash; write a rule for each';
    const choices = readPiece(reader, char, depth);
    sequences = sequences.flatMap((before) => choices.map((parts) => [...before, ...parts]));
    if (sequences.length > MAX_PATTERNS)
      reader.problem = `its choices make more than ${MAX_PATTERNS} patterns; write several rules`;
  }
  return sequences;
}

function readPiece(reader: Reader, char: string, depth: number): readonly (readonly Part[])[] {
  if (char === '{') return readChoices(reader, depth + 1);
  reader.at++;
  if (char === '*') return [[{ star: true }]];
  if (char !== '\\') return [[{ text: char }]];
  const escaped = reader.text[reader.at++] ?? '';
  if (!/^[*{},]$/.test(escaped)) reader.problem = '`\\` stands before `*`, `{`, `}` or `,` alone';
  return [[{ text: escaped }]];
}

function readChoices(reader: Reader, depth: number): readonly (readonly Part[])[] {
  const choices: (readonly Part[])[] = [];
  if (depth > 8) reader.problem = 'its braces are nested too deeply';
  do {
    reader.at++;
    const sequences = readSequences(reader, depth);
    if (sequences.some((parts) => parts.length === 0)) reader.problem ??= 'a choice in braces is empty';
    choices.push(...sequences);
  } while (reader.problem === undefined && reader.text[reader.at] === ',');
  if (reader.text[reader.at] !== '}') reader.problem ??= 'a brace is not closed';
  reader.at++;
  return choices;
}

/** A star alone is a segment; beside text it may stand for nothing. */
function writePattern(parts: readonly Part[]): string {
  let count = 0;
  return parts
    .map((part, index) => {
      if ('text' in part) return escapeText(part.text);
      const before = parts[index - 1];
      if (before && 'star' in before) return '';
      const alone = isEdge(before) && isEdge(parts.slice(index).find((other) => 'text' in other));
      count++;
      return alone ? `:x${count}` : `{:x${count}}`;
    })
    .join('');
}

/** Whether a segment begins or ends there. */
function isEdge(part: Part | undefined): boolean {
  return part === undefined || ('text' in part && part.text === '/');
}
