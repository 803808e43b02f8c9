import { convertScarf } from '../convert/index.ts';
import type { RuleSet } from '../core/compile.ts';
import type { DiffSide } from './diff.ts';
import { readDocument } from './document.ts';
import { isMapping } from './rule-file.ts';

/** Makes a side of a comparison of a text and the rules that were made of it; a manifest says what it converts to. */
export function toSide(text: string, ruleSet: RuleSet, file: string): DiffSide {
  const { data } = readDocument(text, file);
  const said: unknown = convertScarf(data)?.file ?? data;
  const { rules, networks } = isMapping(said) ? said : { rules: [], networks: undefined };
  return { ruleSet, entries: Array.isArray(rules) ? rules : [], networks };
}
