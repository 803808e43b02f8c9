/**
 * Rule files: YAML or JSON in, a rule set out, and its changes while it is served.
 *
 * @see https://yaml.org/spec/1.2.2/
 * @module
 */
export { formatIssue, isRuleError, type Position, RuleError, type RuleIssue } from '../core/errors.ts';
export type { RuleSource } from '../core/rule-source.ts';
export { protocols } from '../protocols/index.ts';
export type { Environment } from './expand.ts';
export { fileRules } from './file.ts';
export type { LiveRules } from './follow.ts';
export { type History, type HistoryEntry, openHistory } from './history.ts';
export type { KeeperOptions } from './keeper.ts';
export type { SourceHooks } from './live-set.ts';
export { type LoadOptions, loadRules } from './load.ts';
export { type ParseOptions, parseRules } from './parse.ts';
export type {
  AuthenticationEntry,
  CommandEntry,
  EcrEntry,
  RuleEntry,
  RuleFile,
  UpstreamEntry,
} from './rule-file.ts';
export { ruleFileJsonSchema, type SchemaOptions } from './schema.ts';
export type { RuleStore, SourceState, StoredText, StoreRead } from './store.ts';
