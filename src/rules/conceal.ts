import type { Expansion } from './expand.ts';

/** Shorter pieces of a value tell nothing and stand in many a sentence by chance. */
const PIECE = 5;

/**
 * Takes out of a message what came from the environment, which may be secret: text is shown as the file has it,
 * and a message that still has a piece of a value is given up.
 */
export function conceal(message: string, expansions: readonly Expansion[]): string {
  const shown = expansions.reduce(
    (text, { source, value }) => text.replaceAll(`\`${value}\``, () => `\`${source}\``),
    message,
  );
  const variables = new Map(expansions.flatMap((expansion) => [...expansion.variables]));
  for (const [name, value] of variables) {
    if (hasPiece(shown.toLowerCase(), value.toLowerCase())) {
      return `What \`${name}\` has in the environment is wrong here, and not shown because it may be secret; correct it where Turnout is started.`;
    }
  }
  return shown;
}

function hasPiece(text: string, value: string): boolean {
  const length = Math.min(PIECE, value.length);
  for (let start = 0; length > 0 && start + length <= value.length; start++) {
    if (text.includes(value.slice(start, start + length))) return true;
  }
  return false;
}
