import fc from 'fast-check';
import type { PatternToken } from '../../src/core/pattern.ts';

/** Texts that collide: with each other, with the delimiter, and with what regular expressions mean by them. */
const TEXTS = [
  ...['a', 'b', '-', '.', '--', '-a', 'ab', '.tgz', '*', '^', ']', '$', '+'],
  ...['/', '/', '/', '/a', 'a/', '/a/', '//', '/-', '-/', 'b/*'],
];
const CHARACTERS = ['a', 'a', 'b', '-', '-', '.', '/', '/', '*', '^', ']', 'x'];

/** A part of a pattern; `text` comes before the variable, if there is one. */
type Part = readonly [text: string, variable: 'param' | 'wildcard' | 'none'];

const part: fc.Arbitrary<Part> = fc.tuple(
  fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...TEXTS) }, { weight: 1, arbitrary: fc.constant('') }),
  fc.constantFrom('param', 'param', 'wildcard', 'none'),
);

/** Patterns without groups; two variables may stand side by side. The variables are called `v0`, `v1`, …. */
export const pattern: fc.Arbitrary<readonly PatternToken[]> = fc.array(part, { maxLength: 6 }).map(toTokens);

/** Patterns that compile, starting with a slash. */
export const pathPattern: fc.Arbitrary<readonly PatternToken[]> = fc
  .array(part, { minLength: 1, maxLength: 5 })
  .map((parts) =>
    toTokens([['/', 'none'], ...parts.map(([text, variable]): Part => [text || '/', variable])]),
  );

function toTokens(parts: readonly Part[]): readonly PatternToken[] {
  const tokens: PatternToken[] = [];
  for (const [text, variable] of parts) {
    const last = tokens.at(-1);
    if (last?.type === 'text') tokens[tokens.length - 1] = { type: 'text', value: last.value + text };
    else if (text !== '') tokens.push({ type: 'text', value: text });
    if (variable !== 'none') tokens.push({ type: variable, name: `v${tokens.length}` });
  }
  return tokens;
}

/** What an input does wrong, if anything. */
type Fault = readonly [kind: 'none' | 'drop' | 'insert' | 'double' | 'append', at: number, character: string];

/** How to make inputs out of a pattern. */
export interface Filling {
  readonly values: readonly string[];
  readonly faults: readonly Fault[];
}

/** Fills patterns: mostly right, often wrong by a character. */
export const filling: fc.Arbitrary<Filling> = fc.record({
  values: fc.array(fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 5 }), {
    minLength: 6,
    maxLength: 6,
  }),
  faults: fc.array(
    fc.tuple(
      fc.constantFrom(
        'none' as const,
        'none' as const,
        'drop' as const,
        'insert' as const,
        'double' as const,
        'append' as const,
      ),
      fc.nat(40),
      fc.constantFrom(...CHARACTERS),
    ),
    { maxLength: 2 },
  ),
});

/** A text that a pattern matches, or nearly. */
export function fill(tokens: readonly PatternToken[], { values, faults }: Filling): string {
  let next = 0;
  const text = tokens
    .map((token) => (token.type === 'text' ? token.value : values[next++ % values.length]))
    .join('');
  return faults.reduce((input, [kind, at, character]) => {
    const index = input.length === 0 ? 0 : at % input.length;
    if (kind === 'drop') return input.slice(0, index) + input.slice(index + 1);
    if (kind === 'insert') return input.slice(0, index) + character + input.slice(index);
    if (kind === 'double') return input.slice(0, index) + input.slice(index, index + 1) + input.slice(index);
    return kind === 'append' ? input + character : input;
  }, text);
}

/** Whether no two variables stand side by side. */
export function isCompilable(tokens: readonly PatternToken[]): boolean {
  return tokens.every(
    (token, index) => index === 0 || token.type === 'text' || tokens[index - 1]?.type === 'text',
  );
}
