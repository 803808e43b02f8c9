/**
 * Proving that one upstream serves what another serves, before a line is switched.
 *
 * @module
 */
export type { Asked, Reply, Side } from './ask.ts';
export { type LoggedDemand, readDemand } from './demand.ts';
export {
  type Differs,
  Doubt,
  differs,
  type Finding,
  type Missing,
  missing,
  type StopReason,
  type Unchecked,
  unchecked,
} from './finding.ts';
export { findInventory, inventories } from './inventories.ts';
export type { Check, Inventory, Sides, Task } from './inventory.ts';
export { type Affected, type Collector, type Counts, createCollector, type Report } from './report.ts';
export { formatJunit } from './report-junit.ts';
export { formatReport } from './report-text.ts';
export type { Seen } from './seen.ts';
export { type SplitRules, splitRules } from './sides.ts';
export {
  type Checked,
  type Demand,
  type Ending,
  type Journal,
  type Requests,
  type VerifyOptions,
  verify,
} from './verify.ts';
