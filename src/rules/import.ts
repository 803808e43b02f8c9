import { convertScarf } from '../convert/index.ts';
import { RuleError, type RuleIssue } from '../core/errors.ts';
import { readDocument } from './document.ts';
import { parseRules } from './parse.ts';
import { regexp } from './regexp.ts';
import { writeRuleFile } from './write.ts';

/** A rule file that was made of something else. */
export interface ImportedRules {
  /** The rule file, YAML. */
  readonly text: string;
  /** How many rules it has. */
  readonly rules: number;
  /** What is doubtful, at its place in what was imported. */
  readonly warnings: readonly RuleIssue[];
}

/**
 * Makes a rule file of a manifest of the Scarf Gateway.
 *
 * @throws RuleError With every mistake of the manifest, at its place there.
 */
export function importRules(source: string, file: string): ImportedRules {
  const { warnings, rules } = parseRules(source, { file, regexp });
  const document = readDocument(source, file);
  const conversion = convertScarf(document.data);
  if (!conversion) {
    const message = 'This is no manifest: its rules have no `type`, as those of the Scarf Gateway have.';
    const position = document.locate({ code: 'invalid_value', path: [], message });
    throw new RuleError([{ code: 'invalid_value', path: [], message, position }]);
  }
  const text = writeRuleFile(conversion.file, `Made of ${file} by turnout import scarf.`);
  return { text, rules: rules.length, warnings };
}
