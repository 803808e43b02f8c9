import { readFileSync } from 'node:fs';

/** Reads the lines of a page's `sh` blocks that begin with a text: each as its words, without the comment. */
export function readCommands(page: string, start: string): readonly (readonly string[])[] {
  const blocks = [...readFileSync(page, 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)];
  const lines = blocks.flatMap(([, code = '']) => code.replaceAll(/ \\\n\s*/g, ' ').split('\n'));
  return lines.filter((line) => line.startsWith(start)).map((line) => line.replace(/\s+#.*$/, '').split(' '));
}

/** Replaces words of a command, each of which has to be there, once. */
export function replaceWords(
  words: readonly string[],
  replacements: Readonly<Record<string, string>>,
): readonly string[] {
  for (const word of Object.keys(replacements)) {
    if (words.filter((each) => each === word).length !== 1)
      throw new Error(`\`${word}\` is not once in \`${words.join(' ')}\``);
  }
  return words.map((word) => replacements[word] ?? word);
}
