import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { Readable } from 'node:stream';

import type { Stoppable } from './cleanup.ts';
import { hide } from './hide.ts';

/** How to start a process. */
export interface ProcessOptions {
  /** The whole environment; this process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds that it gets to end after SIGTERM. @default 15_000 */
  readonly grace?: number;
  /** A text that no message of a failure may show. */
  readonly hidden?: string | undefined;
}

/** A process that runs until it is stopped. */
export interface RunningProcess extends Stoppable {
  readonly pid: number;
  /** What it has written to its standard output so far. */
  stdout(): string;
  /** What it has written to its standard error so far. */
  stderr(): string;
  /** Whether it has ended. */
  ended(): boolean;
  /** Waits until what it has written, on either, matches. */
  waitFor(pattern: RegExp, timeout?: number): Promise<RegExpExecArray>;
  /** Waits until something is there, looking whenever it has written more. */
  waitUntil<T>(look: () => T | undefined | null, what: string, timeout?: number): Promise<T>;
  /** Sends a signal to it. */
  signal(name: NodeJS.Signals): void;
  /** Waits for its end and gives its exit code; `null` when a signal ended it. */
  exit(): Promise<number | null>;
  /** Ends it, with all that it has started, and gives its exit code. */
  stop(): Promise<number | null>;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

const alive = new Set<Child>();
process.once('exit', () => {
  for (const child of alive) killGroup(child);
});

/** Runs a program that is ended as well when this process dies in the midst of a test. */
const tether = ['setpriv', '--pdeathsig', 'TERM', '--'] as const;

/** Starts a process in a process group of its own. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): RunningProcess {
  const { grace = 15_000, env = process.env, hidden } = options;
  const [program, ...bound] = tether;
  const child: Child = spawn(program, [...bound, command, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  alive.add(child);

  const text = { stdout: '', stderr: '' };
  const changed = new EventEmitter();
  changed.setMaxListeners(0);
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      changed.emit('change');
    });
  }
  const exit = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      text.stderr += error.message;
      finish(null);
    });
    child.once('close', finish);
    function finish(code: number | null): void {
      alive.delete(child);
      resolve(code);
      changed.emit('change');
    }
  });
  const ended = (): boolean => !alive.has(child);

  return {
    pid: child.pid ?? -1,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    ended,
    exit: () => exit,
    signal: (name) => {
      if (!ended()) child.kill(name);
    },
    waitFor: (pattern, timeout) =>
      waitUntil(() => pattern.exec(text.stdout) ?? pattern.exec(text.stderr), `${pattern}`, timeout),
    waitUntil,
    async stop() {
      if (!ended()) child.kill('SIGTERM');
      const timer = setTimeout(() => killGroup(child), grace);
      const code = await exit;
      clearTimeout(timer);
      return code;
    },
  };

  async function waitUntil<T>(look: () => T | undefined | null, what: string, timeout = 30_000): Promise<T> {
    const signal = AbortSignal.timeout(timeout);
    for (;;) {
      const found = look();
      if (found !== undefined && found !== null) return found;
      if (ended() || signal.aborted) throw new Error(explain(what));
      await once(changed, 'change', { signal }).catch(() => undefined);
    }
  }

  function explain(what: string): string {
    const state = ended() ? 'ended' : 'went on';
    const wrote = `${text.stdout.slice(-4000)}\n${text.stderr.slice(-4000)}`;
    return `${command} ${state} without ${what}:\n${hide(wrote, hidden)}`;
  }
}

/** Kills the process group that a child leads: the child and what it has started. */
function killGroup(child: Child): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
