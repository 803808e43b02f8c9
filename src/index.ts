/**
 * The pure core: rules in, decisions out. No effects, no Node.
 *
 * @module
 */
export type { Circumstances } from './core/choice.ts';
export { type CompileOptions, compileRules, type RuleSet } from './core/compile.ts';
export type { CompiledRule, CompiledStep, CompiledUpstream } from './core/compiled-rule.ts';
export type { CompiledCondition, NetworkLists, UpstreamCondition } from './core/condition.ts';
export type {
  Authentication,
  ClientCredential,
  Credential,
  CredentialAudience,
  CredentialProvider,
  ProvidedCredential,
} from './core/credential.ts';
export { decide } from './core/decide.ts';
export type {
  CarryDecision,
  Decision,
  PassDecision,
  Provenance,
  ProxyDecision,
  RedirectDecision,
  RedirectStatus,
  RespondDecision,
} from './core/decision.ts';
export {
  formatIssue,
  ISSUE_CODES,
  type IssueCode,
  isRuleError,
  type Position,
  RuleError,
  type RuleIssue,
} from './core/errors.ts';
export { type Consideration, type Explanation, explain } from './core/explain.ts';
export type { Expression } from './core/expression.ts';
export type { Networks } from './core/networks.ts';
export type { Option, OptionNames, OptionShape, Options, OptionType } from './core/options.ts';
export { definePath, type PathCodec } from './core/path.ts';
export { PatternError } from './core/pattern.ts';
export type {
  Admission,
  Answer,
  ByteStream,
  CarriedAnswer,
  ClientReport,
  Delivery,
  Lead,
  Message,
  Mode,
  Neighbour,
  Passage,
  Protocol,
  ProtocolRequest,
  Refusal,
  Resource,
  RuleContext,
  ShortTarget,
  ShownCredential,
  SubjectKind,
  Tie,
  Tools,
  UpstreamDocument,
  UpstreamInfo,
} from './core/protocol.ts';
export type { HeaderFields, RequestDescriptor } from './core/request.ts';
export { type RampStep, type Rule, type RuleConfig, rule, type UpstreamConfig } from './core/rule.ts';
export type { RuleSource } from './core/rule-source.ts';
export type { Params } from './core/target.ts';
