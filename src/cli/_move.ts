import { setTimeout as sleep } from 'node:timers/promises';
import type { RuleStore } from '../rules/index.ts';
import { type Baseline, findTrip, type Share, sumOfRule, sumSince } from './_guard.ts';
import type { Instance, InstanceState } from './_instances.ts';

/** A text, and what it is called. */
export interface Version {
  /** The text. */
  readonly text: string;
  /** Its revision. */
  readonly revision: string;
}

/** What is to be changed, checked already. */
export interface Move {
  /** Where the rules are. */
  readonly store: Pick<RuleStore, 'name' | 'write'>;
  /** The rules that are there. */
  readonly before: Version;
  /** The rules that are to be there. */
  readonly after: Version;
  /** The rule that changes. */
  readonly rule: string;
  /** The origin that it leads to then. */
  readonly upstream: string;
}

/** How it is changed. */
export interface MoveOptions {
  /** Who serves the rules. */
  readonly instances: readonly Instance[];
  /** How long instances may take to take the change up, in milliseconds. */
  readonly wait: number;
  /** How long they are watched, in milliseconds. */
  readonly watch: number;
  /** The part of the requests that may fail, in percent. */
  readonly guard: number;
  /** Ends the waiting and watching; what is written stays. */
  readonly signal: AbortSignal;
  /** Is told what happens. */
  readonly tell: (step: Step) => void;
  /** How long between two questions, in milliseconds. Default 500. */
  readonly every?: number | undefined;
}

/** What happened. */
export type Step =
  | { readonly type: 'written'; readonly revision: string }
  | { readonly type: 'serving'; readonly instance: string; readonly revision: string }
  | { readonly type: 'watching'; readonly seconds: number; readonly counted: boolean }
  | ({ readonly type: 'watched' } & Share)
  | { readonly type: 'tripped'; readonly reason: string }
  | { readonly type: 'restored'; readonly revision: string; readonly serving: boolean }
  | { readonly type: 'interrupted'; readonly revision: string };

/** How it ended. */
export type Ending = 'done' | 'restored' | 'interrupted';

/** A reason to take the change back. */
class Trip extends Error {}

/**
 * Writes a change, waits until every instance serves it, watches how the upstream fares, and takes it back when it fares
 * badly.
 *
 * @throws Error Nothing was written, since an instance is not in order or the rules have been changed meanwhile; or what
 * was written could not be taken back.
 */
export async function move(plan: Move, options: MoveOptions): Promise<Ending> {
  const { store, before, after } = plan;
  const { instances, signal, tell } = options;
  await checkMove(plan, instances);
  const baseline = await readMetrics(instances);
  if (signal.aborted) return 'interrupted';
  await store.write?.(after.text, before.text);
  tell({ type: 'written', revision: after.revision });
  try {
    await waitForAll(options, after.revision);
    await watch(plan, options, baseline);
    return 'done';
  } catch (error) {
    if (signal.aborted) {
      tell({ type: 'interrupted', revision: after.revision });
      return 'interrupted';
    }
    if (!(error instanceof Trip)) throw error;
    await restore(plan, options, error.message);
    return 'restored';
  }
}

/**
 * Looks whether a change can be made now.
 *
 * @throws Error The rules cannot be written to, or an instance is not in order.
 */
export async function checkMove(plan: Move, instances: readonly Instance[]): Promise<void> {
  const { name, write } = plan.store;
  if (!write) throw new Error(`${name} cannot be written to from here; change it where it is.`);
  await Promise.all(instances.map((instance) => checkInstance(instance, plan)));
}

/** An instance that serves something else would not tell when it serves the change. */
async function checkInstance(instance: Instance, { store, before, after }: Move): Promise<void> {
  const { ready, revision, failure } = await instance.readState();
  if (!ready) throw new Error(`${instance.address} wants no requests; nothing was written.`);
  if (revision === before.revision || revision === after.revision) return;
  throw new Error(
    `${instance.address} serves revision ${revision}, and ${store.name} is at ${before.revision}; nothing was written.${failure === undefined ? '' : `\n${failure}`}`,
  );
}

function readMetrics(instances: readonly Instance[]): Promise<Baseline> {
  return Promise.all(instances.map((instance) => instance.readMetrics()));
}

async function waitForAll(
  { instances, wait, signal, tell, every = 500 }: MoveOptions,
  revision: string,
): Promise<void> {
  const until = performance.now() + wait;
  const late = await Promise.all(
    instances.map(async (instance) => {
      for (;;) {
        const state = await instance.readState().catch((error: Error) => error);
        if (!(state instanceof Error) && state.ready && state.revision === revision) {
          tell({ type: 'serving', instance: instance.address, revision });
          return undefined;
        }
        if (performance.now() >= until) return explainLate(instance, state, wait);
        await sleep(Math.min(every, 200), undefined, { signal });
      }
    }),
  );
  const reasons = late.filter((reason) => reason !== undefined);
  if (reasons.length > 0) throw new Trip(reasons.join('; '));
}

function explainLate({ address }: Instance, state: InstanceState | Error, wait: number): string {
  if (state instanceof Error) return state.message;
  if (!state.ready) return `${address} wants no requests`;
  const why = state.failure === undefined ? '' : `: ${state.failure}`;
  return `${address} still serves revision ${state.revision} after ${wait / 1000} seconds${why}`;
}

async function watch(plan: Move, options: MoveOptions, baseline: Baseline): Promise<void> {
  const { instances, watch: duration, guard, signal, tell, every = 500 } = options;
  if (instances.length === 0 || duration === 0) return;
  tell({ type: 'watching', seconds: duration / 1000, counted: baseline.some((each) => each) });
  const { rule, upstream, after } = plan;
  const usual = sumOfRule(baseline, rule);
  const silent = new Map<Instance, string>();
  const until = performance.now() + duration;
  for (;;) {
    for (const instance of instances) await checkServing(instance, after.revision, silent);
    const now = await readMetrics(instances);
    const share = sumSince(now, baseline, rule, upstream);
    const fallen = now.some(
      (each, index) => isFallen(each, upstream) && !isFallen(baseline[index], upstream),
    );
    const reason =
      findTrip(share, usual, { guard, upstream }) ?? (fallen ? `${upstream} is out of order` : undefined);
    if (reason !== undefined) throw new Trip(reason);
    const rest = until - performance.now();
    if (rest <= 0) return tell({ type: 'watched', ...share });
    await sleep(Math.min(every, rest), undefined, { signal });
  }
}

function isFallen(metrics: Baseline[number], upstream: string): boolean {
  return metrics?.outOfOrder.includes(upstream) === true;
}

/** An instance may miss one question, not two in a row. */
async function checkServing(
  instance: Instance,
  revision: string,
  silent: Map<Instance, string>,
): Promise<void> {
  const state = await instance.readState().catch((error: Error) => error);
  if (state instanceof Error || !state.ready) {
    const reason = state instanceof Error ? state.message : `${instance.address} wants no requests`;
    if (silent.has(instance)) throw new Trip(reason);
    silent.set(instance, reason);
    return;
  }
  silent.delete(instance);
  if (state.revision !== revision) {
    throw new Error(
      `${instance.address} serves revision ${state.revision}: somebody has changed the rules meanwhile. They stay as they are, and are no longer watched.`,
    );
  }
}

async function restore({ store, before, after }: Move, options: MoveOptions, reason: string): Promise<void> {
  options.tell({ type: 'tripped', reason });
  try {
    await store.write?.(before.text, after.text);
  } catch (error) {
    throw new Error(
      `${store.name} could not be written back: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  const quiet = { ...options, tell: () => {} };
  const serving = await waitForAll(quiet, before.revision).then(
    () => true,
    () => false,
  );
  options.tell({ type: 'restored', revision: before.revision, serving });
}
