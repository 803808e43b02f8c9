import type { RuleSet } from '../core/compile.ts';
import { createPatience } from './patience.ts';
import { readInTime } from './read-in-time.ts';
import { revisionOf } from './revision.ts';
import type { RuleStore, SourceState, StoredText, TextKeeper } from './store.ts';

/** What somebody may be told of a source. What it throws does no harm. */
export interface SourceHooks {
  /** Is told the new rules after a change, and their revision; those in force too, when what was wrong is mended. */
  readonly onReload?: ((ruleSet: RuleSet, revision: string) => void) | undefined;
  /** Is told once, for as long as it lasts, why the rules before stay in force, and what `onReload` throws. */
  readonly onError?: ((error: Error) => void) | undefined;
  /** Is told whenever the source gets out of order or comes back. */
  readonly onState?: ((state: SourceState) => void) | undefined;
  /** Is told why the copy or the history could not be kept; the rules serve all the same. */
  readonly onKeepError?: ((error: Error) => void) | undefined;
}

/** How a store becomes rules. */
export interface LiveSetOptions extends SourceHooks {
  /** Checks and compiles a text; throws what is wrong with it. */
  readonly parse: (text: string) => RuleSet;
  /** Keeps accepted texts on this machine. */
  readonly keeper?: TextKeeper | undefined;
  /** How long a store may take to answer, in milliseconds. */
  readonly timeout: number;
}

/** A text in force, compiled. */
interface InForce {
  readonly text: string;
  readonly revision: string;
  readonly ruleSet: RuleSet;
  readonly acceptedAt: Date;
  readonly from: SourceState['from'];
}

/** What came of a look. */
export interface Look {
  /** Whether the store gave a text. */
  readonly read: boolean;
  /** What is wrong with the store, or with its text. */
  readonly error?: Error | undefined;
}

/** The rules of a store as they were last accepted. */
export interface LiveSet {
  /** What is in force; `undefined` before the first success. */
  readonly inForce: InForce | undefined;
  /** Whether the store is in order; for a set that has something in force. */
  readonly state: SourceState;
  /** Looks at the store once, and takes up what it has. One at a time. Never rejects. */
  look(): Promise<Look>;
  /** Puts the copy in force, if there is one and nothing else is; throws what is wrong with it. */
  recall(): Promise<void>;
  /** Ends a look that runs. */
  close(): void;
}

/**
 * Makes the machine that all sources share: take a text, check it, compile it off to the side, swap it whole. A text with
 * a mistake changes nothing.
 */
export function createLiveSet(store: RuleStore, options: LiveSetOptions): LiveSet {
  const { parse, keeper, timeout } = options;
  let closed = false;
  /** Ends the look that runs: one for each, as a Worker's request may touch nothing that another one has made. */
  let running: AbortController | undefined;
  const isWhole = store.torn ? createPatience() : () => true;
  const tell = createTeller(options);
  let inForce: InForce | undefined;
  let seen: StoredText | undefined;
  let rejected: { readonly text: string; readonly error: Error } | undefined;

  async function take(text: string, from: SourceState['from']): Promise<InForce> {
    const ruleSet = parse(text);
    return { text, revision: await revisionOf(text), ruleSet, acceptedAt: new Date(), from };
  }

  async function judge(text: string): Promise<'same' | 'new' | 'held'> {
    if (text === inForce?.text) return 'same';
    if (text === rejected?.text) throw rejected.error;
    rejected = undefined;
    const next = await take(text, 'store').catch((error: unknown) => {
      rejected = { text, error: toError(error) };
      throw rejected.error;
    });
    if (inForce && !isWhole(text, inForce.text)) return 'held';
    if (closed) return 'held';
    inForce = next;
    return 'new';
  }

  function readStore(known: string | undefined): Promise<StoredText | undefined> {
    running = new AbortController();
    if (closed) running.abort();
    return readInTime(store, { known, timeout, closed: running.signal });
  }

  async function lookOnce(): Promise<Look> {
    let read = false;
    try {
      seen = (await readStore(seen?.version)) ?? seen;
      if (seen === undefined)
        throw new Error(`\`${store.name}\` says that nothing has changed, and never said what it has.`);
      read = true;
      const first = inForce === undefined;
      const verdict = await judge(seen.text);
      if (verdict === 'held') return { read };
      if (inForce?.from === 'copy') inForce = { ...inForce, from: 'store' };
      const mended = tell.success();
      if (inForce && !first && (verdict === 'new' || mended)) tell.reload(inForce);
      if (inForce && verdict === 'new') await keep(inForce);
      return { read };
    } catch (thrown) {
      const error = toError(thrown);
      if (!closed) tell.failure(error, { rejected: error === rejected?.error, quiet: !inForce });
      return { read, error };
    }
  }

  async function keep({ text, revision }: InForce): Promise<void> {
    try {
      await keeper?.keep(text, revision);
      tell.kept();
    } catch (error) {
      tell.notKept(toError(error));
    }
  }

  const set: LiveSet = {
    get inForce() {
      return inForce;
    },
    get state() {
      return tell.state(inForce);
    },
    async look() {
      const before = tell.ok();
      const look = await lookOnce();
      if (inForce && before !== tell.ok()) tell.changed(set.state);
      return look;
    },
    async recall() {
      const text = await keeper?.recall();
      if (text === undefined || inForce) return;
      inForce = await take(text, 'copy');
      tell.quietFailure();
      tell.changed(set.state);
    },
    close() {
      closed = true;
      running?.abort();
    },
  };
  return set;
}

/** Keeps in mind what was told, so that everything is told once. */
function createTeller({ onReload, onError, onState, onKeepError }: SourceHooks) {
  let told: Error | undefined;
  let toldOfKeeping: string | undefined;
  let since = new Date();
  let lastSuccess: Date | undefined;
  let lastError: Error | undefined;
  const state = (inForce: InForce | undefined): SourceState => ({
    ok: told === undefined,
    since,
    lastSuccess,
    lastError,
    acceptedAt: inForce?.acceptedAt ?? since,
    from: inForce?.from ?? 'store',
  });
  return {
    state,
    ok: () => told === undefined,
    success(): boolean {
      const mended = told !== undefined;
      lastSuccess = new Date();
      if (mended) since = lastSuccess;
      told = undefined;
      return mended;
    },
    failure(
      error: Error,
      { rejected, quiet }: { readonly rejected: boolean; readonly quiet: boolean },
    ): void {
      if (told === undefined) since = new Date();
      const again = told === error || (!rejected && told?.message === error.message);
      told = error;
      lastError = error;
      if (!again && !quiet) call(() => onError?.(error));
    },
    quietFailure(): void {
      const error = told;
      if (error) call(() => onError?.(error));
    },
    reload({ ruleSet, revision }: InForce): void {
      try {
        onReload?.(ruleSet, revision);
      } catch (error) {
        call(() => onError?.(toError(error)));
      }
    },
    changed: (state: SourceState) => call(() => onState?.(state)),
    kept(): void {
      toldOfKeeping = undefined;
    },
    notKept(error: Error): void {
      if (error.message !== toldOfKeeping) call(() => onKeepError?.(error));
      toldOfKeeping = error.message;
    },
  };
}

function call(hook: () => void): void {
  try {
    hook();
  } catch {
    // Who reports errors has nobody to report its own to; the rules in force are not to suffer from it.
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
