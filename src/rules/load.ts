import type { Protocol } from '../core/protocol.ts';
import type { Rule } from '../core/rule.ts';
import type { Environment } from './expand.ts';
import { fileRules } from './file.ts';
import { followRules, type LiveRules } from './follow.ts';
import { createKeeper, type KeeperOptions } from './keeper.ts';
import type { SourceHooks } from './live-set.ts';
import { parseRules } from './parse.ts';
import type { RuleStore } from './store.ts';

/** Options of `loadRules`. */
export interface LoadOptions extends SourceHooks, KeeperOptions {
  /** Whether changes of the text take effect while it is served. Default false. */
  readonly watch?: boolean | undefined;
  /** How often the text is looked at when nothing hints at a change, in milliseconds. Default 1000. */
  readonly poll?: number | undefined;
  /** How long a store may take to answer, in milliseconds. Default 10,000. */
  readonly timeout?: number | undefined;
  /**
   * A file for a copy of the last good text, which serves after a restart for as long as the store is down or has a text
   * with a mistake. It is written whole, and only its owner may read it. Default none.
   */
  readonly cache?: string | undefined;
  /** A folder for the last 50 texts that were accepted, which `turnout rollback` returns to. Default none. */
  readonly history?: string | undefined;
  /** The variables that `${NAME}` stands for. Default the environment of the process. */
  readonly env?: Environment | undefined;
  /** The protocols that rules may name. Default every protocol of this package. */
  readonly protocols?: readonly Protocol[] | undefined;
  /** Changes the rules before they are compiled, as `parseRules` does. Default as they are. */
  readonly transform?: ((rules: readonly Rule[]) => readonly Rule[]) | undefined;
}

/**
 * Loads the rules of a file, YAML or JSON, or of a store that others write to.
 *
 * With `watch`, a change is taken over as a whole, and only when the new text has no mistake; until then, and for as
 * long as the store is out of reach, the rules stay as they are. The watching does not keep a process alive.
 *
 * The rules of a file may run programs for their credentials: whoever can write it can run programs as this process.
 * Those of a store may not. Either may send what `env` has to where they lead.
 *
 * @throws RuleError With every mistake in the text, when no copy serves instead.
 * @throws Error The store cannot be read, and no copy serves instead.
 */
export async function loadRules(from: string | RuleStore, options: LoadOptions = {}): Promise<LiveRules> {
  const store = typeof from === 'string' ? fileRules(from) : from;
  const { name, commands } = store;
  const { watch = false, poll = 1000, timeout = 10_000, env = process.env, protocols, ...rest } = options;
  const { cache, history, transform, ...hooks } = rest;
  const { regexp } = await import('./regexp.ts');
  return followRules(store, {
    ...hooks,
    watch,
    poll,
    timeout,
    keeper: createKeeper(name, { cache, history }),
    parse: (text) => parseRules(text, { file: name, env, protocols, commands, regexp, transform }),
  });
}
