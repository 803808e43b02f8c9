import { createHash } from 'node:crypto';
import type { RuleSet } from '../core/compile.ts';
import type { Protocol } from '../core/protocol.ts';
import type { RuleSource } from '../core/rule-source.ts';
import type { Environment } from './expand.ts';
import { parseRules } from './parse.ts';
import { decodeText, readBytes } from './read-bytes.ts';
import { type FileState, watchFile } from './watch.ts';

/** How long a file that may be half written must stay as it is, in milliseconds. */
const PATIENCE = 1000;

/** Options of `loadRules`. */
export interface LoadOptions {
  /** Whether changes of the file take effect while it is served. Default false. */
  readonly watch?: boolean | undefined;
  /** The variables that `${NAME}` stands for. Default the environment of the process. */
  readonly env?: Environment | undefined;
  /** The protocols that rules may name. Default every protocol of this package. */
  readonly protocols?: readonly Protocol[] | undefined;
  /** Is told the new rules after a change, and their revision; those in force too, when a mistake was taken back. */
  readonly onReload?: ((ruleSet: RuleSet, revision: string) => void) | undefined;
  /** Is told why a change does not take effect, while the rules before it stay in force, and what `onReload` throws. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** The rules of a file, and of its later states when it is watched. */
export interface RuleFileSource extends RuleSource {
  /** The first twelve hexadecimal digits of the SHA-256 of the file. */
  readonly revision: string;
  /** Ends the watching; the rules stay in force. */
  close(): void;
}

/** A state of the file, compiled. */
interface Loaded {
  readonly text: string;
  readonly revision: string;
  readonly ruleSet: RuleSet;
}

/**
 * Loads the rules of a file, YAML or JSON.
 *
 * With `watch`, a change is taken over as a whole, and only when the new text has no mistake; until then, and for as
 * long as the file is missing, the rules stay as they are. The watching does not keep a process alive.
 *
 * Its rules may run programs for their credentials: whoever can write the file can run programs as this process.
 *
 * @throws RuleError With every mistake in the file.
 * @throws Error The file cannot be read.
 */
export async function loadRules(path: string, options: LoadOptions = {}): Promise<RuleFileSource> {
  const { watch = false, env = process.env, protocols, onReload, onError } = options;
  const { regexp } = await import('./regexp.ts');
  const load = (text: string): Loaded => {
    const ruleSet = parseRules(text, { file: path, env, protocols, commands: true, regexp });
    return { text, revision: hash(text), ruleSet };
  };
  const inForce = { loaded: load(decodeText(await readBytes(path), path)) };
  const observe = createObserver(path, createReload(inForce, load, onReload), onError);
  const close = watch ? watchFile(path, observe) : () => {};
  return {
    get current() {
      return inForce.loaded.ruleSet;
    },
    get revision() {
      return inForce.loaded.revision;
    },
    close,
  };
}

/** Makes what puts a text with rules in force; says whether it is, or is held back. */
function createReload(
  inForce: { loaded: Loaded },
  load: (text: string) => Loaded,
  onReload: LoadOptions['onReload'],
): (text: string, mended: boolean) => boolean {
  const isWhole = createPatience();
  return (text, mended) => {
    const { loaded } = inForce;
    if (text === loaded.text) {
      if (mended) onReload?.(loaded.ruleSet, loaded.revision);
      return true;
    }
    const next = load(text);
    if (!isWhole(text, loaded.text)) return false;
    inForce.loaded = next;
    onReload?.(next.ruleSet, next.revision);
    return true;
  };
}

/** Makes what hands the states of a file on, and tells each problem once for as long as it lasts. */
function createObserver(
  path: string,
  reload: (text: string, mended: boolean) => boolean,
  onError: LoadOptions['onError'],
): (state: FileState) => boolean {
  let told: string | undefined;
  return (state) => {
    try {
      if ('error' in state) throw state.error;
      const done = reload(decodeText(state.bytes, path), told !== undefined);
      told = undefined;
      return done;
    } catch (error) {
      const problem = 'bytes' in state ? hash(state.bytes) : state.error.message;
      if (problem !== told) report(error, onError);
      told = problem;
      return 'bytes' in state;
    }
  };
}

/** Makes what holds back a text that stops where a half-written one could, until it has stayed as it is. */
function createPatience(): (text: string, before: string) => boolean {
  let held: string | undefined;
  let since = 0;
  return (text, before) => {
    const complete = !before.startsWith(text) && (text.endsWith('\n') || !before.endsWith('\n'));
    if (complete) return true;
    if (text !== held) [held, since] = [text, performance.now()];
    return performance.now() - since >= PATIENCE;
  };
}

function report(error: unknown, onError: LoadOptions['onError']): void {
  try {
    onError?.(error instanceof Error ? error : new Error(String(error)));
  } catch {
    // Who reports errors has nobody to report its own to; the rules in force are not to suffer from it.
  }
}

function hash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12);
}
