import type { RuleSet } from '../core/compile.ts';
import type { RuleSource } from '../core/rule-source.ts';
import { createLiveSet, type LiveSet, type LiveSetOptions } from './live-set.ts';
import { createPace } from './pace.ts';
import type { RuleStore, SourceState } from './store.ts';

/** How long a store that fails is left alone at most, unless it says otherwise, in milliseconds. */
const LONGEST_PAUSE = 30_000;

/** The rules of a store, and of its later states when it is watched. */
export interface LiveRules extends RuleSource {
  /** The first twelve hexadecimal digits of the SHA-256 of the text in force. */
  readonly revision: string;
  /** Whether the store is in order, and since when. */
  readonly state: SourceState;
  /** Ends the watching and every connection of its own; the rules stay in force. */
  close(): void;
}

/** How a store is followed. */
export interface FollowOptions extends LiveSetOptions {
  /** Whether it is looked at again. */
  readonly watch: boolean;
  /** How often, at the latest, in milliseconds. */
  readonly poll: number;
}

/**
 * Follows a store: its rules now, and from then on whatever it has, looked at after each hint and every `poll`
 * milliseconds at the latest, more seldom while it fails.
 *
 * @throws RuleError With every mistake in the text, when no copy serves instead.
 * @throws Error The store cannot be read, and no copy serves instead.
 */
export async function followRules(store: RuleStore, options: FollowOptions): Promise<LiveRules> {
  const set = createLiveSet(store, options);
  try {
    const ruleSet = await start(set);
    const end = options.watch ? follow(store, set, options.poll) : () => store.close();
    if (!options.watch) store.close();
    return expose(set, ruleSet, end);
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Has something in force, or throws why there is nothing. */
async function start(set: LiveSet): Promise<RuleSet> {
  const { error } = await set.look();
  // What is wrong with the store matters more than what is wrong with an old copy.
  if (error) await set.recall().catch(() => {});
  if (set.inForce) return set.inForce.ruleSet;
  throw error ?? new Error('There are no rules.');
}

function expose(set: LiveSet, first: RuleSet, close: () => void): LiveRules {
  return {
    get current() {
      return set.inForce?.ruleSet ?? first;
    },
    get revision() {
      return set.inForce?.revision ?? '';
    },
    get state() {
      return set.state;
    },
    close,
  };
}

/** Looks again and again; gives what ends it. */
function follow(store: RuleStore, set: LiveSet, poll: number): () => void {
  const pace = createPace(poll, store.longestPause ?? LONGEST_PAUSE);
  let closed = false;
  store.watch?.(pace.hint);
  async function run(): Promise<void> {
    let failures = set.state.ok ? 0 : 1;
    while (!closed) {
      await pace.next(failures);
      if (closed) return;
      // A text with a mistake is no reason to leave the store alone: somebody is about to mend it.
      failures = (await set.look()).read ? 0 : failures + 1;
    }
  }
  void run();
  return () => {
    if (closed) return;
    closed = true;
    pace.close();
    set.close();
    store.close();
  };
}
