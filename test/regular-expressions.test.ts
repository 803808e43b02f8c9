import { readdirSync, readFileSync } from 'node:fs';
import { checkSync } from 'recheck';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

/** The folders whose regular expressions see what clients and upstreams send. */
const folders = ['core', 'protocols', 'gateway', 'gateway/credentials', 'adapters', 'logs'];

const literals = folders.flatMap((folder) =>
  readdirSync(`src/${folder}`)
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => listLiterals(`src/${folder}/${file}`)),
);

describe('a regular expression takes linear time, or nearly', () => {
  test.each(literals)(
    '$file: $text',
    ({ text }) => {
      const end = text.lastIndexOf('/');
      const result = checkSync(text.slice(1, end), text.slice(end + 1), {
        checker: 'automaton',
        timeout: 20_000,
      });
      expect(result.status === 'vulnerable' ? result.complexity.summary : 'safe').toBe('safe');
    },
    20_000,
  );
});

function listLiterals(file: string): readonly { readonly file: string; readonly text: string }[] {
  const found: { file: string; text: string }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) found.push({ file, text: node.text });
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true));
  return found;
}
