import type { Place } from './place.ts';

/**
 * Reads JSON; `undefined` when it is none, or when a key stands twice in it.
 *
 * `JSON.parse` says nothing of equal keys and keeps the last, so that the text then has more keys than the data.
 */
export function readJson(text: string): unknown {
  try {
    const data: unknown = JSON.parse(text);
    return countKeys(data) === countWrittenKeys(text) ? data : undefined;
  } catch {
    // The YAML parser reads it next, and says where what is wrong.
    return undefined;
  }
}

function countKeys(data: unknown): number {
  let count = 0;
  const rest = [data];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value !== 'object' || value === null) continue;
    const values = Object.values(value);
    if (!Array.isArray(value)) count += values.length;
    for (const item of values) rest.push(item);
  }
  return count;
}

function countWrittenKeys(text: string): number {
  const colon = /\s*:/y;
  let count = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at)) {
    at = findEnd(text, at);
    colon.lastIndex = at;
    if (colon.test(text)) count++;
  }
  return count;
}

/** The offset behind the token that starts at an offset: a string, or a single character. */
function findEnd(text: string, start: number): number {
  if (text[start] !== '"') return start + 1;
  let end = start;
  let backslashes: number;
  do {
    end = text.indexOf('"', end + 1);
    backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
  } while (backslashes % 2 === 1);
  return end + 1;
}

/** The place of a value of valid JSON; what is in it is only looked for when it is asked for. */
export function placeInJson(text: string, value: number, key?: number): Place {
  let members: ReadonlyMap<string | number, Place> | undefined;
  return {
    value,
    key,
    child(name) {
      members ??= findMembers(text, value);
      return members.get(name);
    },
  };
}

const NESTING: Readonly<Record<string, number>> = { '[': 1, '{': 1, ']': -1, '}': -1 };

/** Finds the members of the array or object that starts at an offset. */
function findMembers(text: string, start: number): ReadonlyMap<string | number, Place> {
  const members = new Map<string | number, Place>();
  let depth = 0;
  let key: number | undefined;
  let awaited = true;
  for (let at = start; at < text.length; at = findEnd(text, at)) {
    const char = text.charAt(at);
    if (depth === 1 && char === ',') [key, awaited] = [undefined, true];
    else if (depth === 1 && awaited && !/[\s:\]}]/.test(char)) {
      if (text[start] === '{' && key === undefined) key = at;
      else {
        const name = key === undefined ? members.size : JSON.parse(text.slice(key, findEnd(text, key)));
        members.set(name, placeInJson(text, at, key));
        awaited = false;
      }
    }
    depth += NESTING[char] ?? 0;
    if (depth === 0) break;
  }
  return members;
}
