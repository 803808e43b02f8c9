import type { DiffSide } from './diff.ts';
import { readDocument } from './document.ts';
import { parseRules } from './parse.ts';
import { decodeText, readBytes } from './read-bytes.ts';
import { isMapping } from './rule-file.ts';

/**
 * Reads a rule file to compare it: its rules, and what it says.
 *
 * @throws RuleError With every mistake in the file.
 * @throws Error The file cannot be read.
 */
export async function readSide(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<DiffSide> {
  const { regexp } = await import('./regexp.ts');
  const text = decodeText(await readBytes(path), path);
  const ruleSet = parseRules(text, { file: path, env, commands: true, regexp });
  const { data } = readDocument(text, path);
  const { rules, networks } = isMapping(data) ? data : { rules: [], networks: undefined };
  return { ruleSet, entries: Array.isArray(rules) ? rules : [], networks };
}
