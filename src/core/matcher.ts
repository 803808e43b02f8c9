import { PatternError, type PatternToken } from './pattern.ts';

/**
 * What a variable may stand for: at least one character, at none of which one of `stops` starts, or exactly one text.
 * Choices are tried in order.
 */
export interface Capture {
  /** The choices. */
  readonly choices: readonly ({ readonly stops: readonly string[] } | { readonly exactly: string })[];
}

/** A pattern ready for matching: texts and captures in turn. */
export type Elements = readonly (string | Capture)[];

const DELIMITER = '/';
const SEGMENT: Capture = { choices: [{ stops: [DELIMITER] }] };
const ANYTHING: Capture = { choices: [{ stops: [] }] };

/**
 * Compiles a pattern without optional groups to elements that match exactly what path-to-regexp 8.4's regular
 * expression matches, without one: no variable after a text may contain that text, so backtracking stays bounded.
 *
 * @throws PatternError Two variables stand side by side.
 */
export function compileMatcher(tokens: readonly PatternToken[]): Elements {
  let textBefore = '';
  let textSinceWildcard = '';
  let seen: 'none' | 'param' | 'wildcard' = 'none';
  let inSegment = { param: false, wildcard: false };
  return tokens.map((token, index) => {
    if (token.type === 'text') {
      textBefore = token.value;
      if (seen === 'wildcard') textSinceWildcard += token.value;
      if (token.value.includes(DELIMITER)) inSegment = { param: false, wildcard: false };
      return token.value;
    }
    if (seen !== 'none' && textBefore === '') {
      throw new PatternError(`there must be text between \`${token.name}\` and the variable before it`);
    }
    const capture =
      token.type === 'param'
        ? compileParam(
            inSegment,
            textBefore,
            wildcardFollows(tokens, index + 1),
            textAfter(tokens, index + 1),
          )
        : compileWildcard(inSegment.wildcard, textBefore, textSinceWildcard);
    seen = token.type;
    inSegment = { ...inSegment, [token.type]: true };
    if (token.type === 'wildcard') textSinceWildcard = '';
    textBefore = '';
    return capture;
  });
}

/**
 * Matches `input` from `from` to exactly `to` against the elements from the `index`th on, and appends what the captures
 * stand for to `values`; on failure `values` is as before.
 */
export function matchElements(
  elements: Elements,
  index: number,
  input: string,
  from: number,
  to: number,
  values: string[],
): boolean {
  const element = elements[index];
  if (element === undefined) return from === to;
  if (typeof element === 'string') {
    const end = from + element.length;
    return (
      end <= to &&
      input.startsWith(element, from) &&
      matchElements(elements, index + 1, input, end, to, values)
    );
  }
  const depth = values.length;
  // An end that one choice has tried in vain, another need not try again.
  let tried = from;
  for (const choice of element.choices) {
    const exact = 'exactly' in choice;
    if (exact && !input.startsWith(choice.exactly, from)) continue;
    const longest = exact ? from + choice.exactly.length : reach(input, from, to, choice.stops);
    const shortest = exact ? longest : tried + 1;
    const next = elements[index + 1];
    for (let end = Math.min(longest, to); end >= shortest; end--) {
      if (!canFollow(next, input, end, to)) continue;
      values.push(input.slice(from, end));
      if (matchElements(elements, index + 1, input, end, to, values)) return true;
      values.length = depth;
    }
    tried = Math.max(tried, longest);
  }
  return false;
}

/** Whether a capture may end at `end`, from what must be next: one character of a text, or the end. */
function canFollow(next: Elements[number] | undefined, input: string, end: number, to: number): boolean {
  if (typeof next !== 'string') return end === to;
  const last = next.length - 1;
  return input.charCodeAt(end + last) === next.charCodeAt(last);
}

/** How far a capture can go from `from` before one of the stops starts. */
function reach(input: string, from: number, to: number, stops: readonly string[]): number {
  let end = to;
  for (const stop of stops) {
    const at = input.indexOf(stop, from);
    if (at !== -1 && at < end) end = at;
  }
  return end;
}

function compileParam(
  inSegment: { readonly param: boolean; readonly wildcard: boolean },
  textBefore: string,
  wildcardFollowing: boolean,
  following: string,
): Capture {
  if (inSegment.wildcard) return segmentUpTo(textBefore);
  if (wildcardFollowing) return segmentUpTo(following);
  if (!inSegment.param) return SEGMENT;
  return { choices: [{ stops: [DELIMITER, textBefore] }, { exactly: textBefore }] };
}

function compileWildcard(wildcardInSegment: boolean, textBefore: string, textSinceWildcard: string): Capture {
  if (wildcardInSegment) return { choices: [{ stops: [textBefore] }] };
  if (textSinceWildcard === '') return ANYTHING;
  // Up to the first slash is no further than up to the first such text.
  if (textSinceWildcard.startsWith(DELIMITER)) return { choices: [{ stops: [textSinceWildcard] }] };
  return { choices: [{ stops: [textSinceWildcard] }, { stops: [DELIMITER] }] };
}

function segmentUpTo(text: string): Capture {
  return text === '' ? SEGMENT : { choices: [{ stops: [DELIMITER, text] }] };
}

/** Whether a wildcard follows in the same segment. */
function wildcardFollows(tokens: readonly PatternToken[], start: number): boolean {
  for (const token of tokens.slice(start)) {
    if (token.type === 'wildcard') return true;
    if (token.type === 'text' && token.value.includes(DELIMITER)) return false;
  }
  return false;
}

function textAfter(tokens: readonly PatternToken[], start: number): string {
  const next = tokens[start];
  return next?.type === 'text' ? next.value : '';
}
