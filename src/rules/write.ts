import { stringify } from 'yaml';
import { isMapping, type RuleFile } from './rule-file.ts';

/** Writes a rule file as YAML that reads as the same data; `comment` stands above it. */
export function writeRuleFile(file: RuleFile, comment?: string): string {
  const lines = comment === undefined ? '' : `${comment.replace(/^/gm, '# ')}\n`;
  // A line that is broken is hard to edit, and two rules that share an object are two rules.
  return lines + stringify(escapeVariables(file), { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Text that would stand for a variable of the environment, written so that it stands for itself. */
function escapeVariables(value: unknown): unknown {
  if (typeof value === 'string')
    return value.replace(/\$\{(?=[A-Za-z_]\w*(?:\}|:?[-=?+]))/g, (start) => `$${start}`);
  if (Array.isArray(value)) return value.map(escapeVariables);
  if (!isMapping(value)) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, escapeVariables(item)]));
}
