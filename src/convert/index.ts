/**
 * Rule files made of what other gateways read.
 *
 * @module
 */
export type { IssueCode } from '../core/errors.ts';
export type { Mistake } from '../rules/mistake.ts';
export type { Path, RuleEntry, RuleFile } from '../rules/rule-file.ts';
export { type Conversion, convertScarf } from './scarf.ts';
