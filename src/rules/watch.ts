import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readBytes } from './read-bytes.ts';

/** How often a file is looked at when nothing hints at a change, in milliseconds. */
const POLL = 1000;

/** How long it must have stayed the same before it is read, in milliseconds. */
const SETTLED = 100;

/** How long hints are collected, so that a busy folder costs little, in milliseconds. */
const HINTS = 50;

/** What a file has now: its bytes, or why it cannot be read. */
export type FileState = { readonly bytes: Buffer } | { readonly error: Error };

/**
 * Watches a file and tells each state in which it has settled, the first one too.
 *
 * Events of its folder are only a hint, as some file systems have none; looking every second is the guarantee. Links are
 * followed, so that a link that is swapped is a change like a file that is renamed into place or written to.
 *
 * @param onState - Is told a state; says whether it is done with it, and is told again a second later if not.
 * @returns What ends it.
 */
export function watchFile(path: string, onState: (state: FileState) => boolean): () => void {
  const hints = collectHints(dirname(path));
  let closed = false;
  async function run(): Promise<void> {
    let done: string | undefined;
    while (!closed) {
      const before = await identify(path);
      if (before !== done) {
        await pause(SETTLED);
        if (closed || (await identify(path)) !== before) continue;
        const state = await readTwice(path);
        // The file has not changed for longer than its times are exact, so that the next change shows in them.
        if (closed || !state || (await identify(path)) !== before) continue;
        done = onState(state) ? before : undefined;
      }
      await hints.next();
    }
  }
  void run();
  return () => {
    closed = true;
    hints.close();
  };
}

/** What changes whenever a file does, or why nothing is known of it. */
async function identify(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** Reads a file; `undefined` when it changes meanwhile. */
async function readTwice(path: string): Promise<FileState | undefined> {
  try {
    const bytes = await readBytes(path);
    return bytes.equals(await readBytes(path)) ? { bytes } : undefined;
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}

/** Waits for events of a folder. */
interface Hints {
  /** Waits for the next event, or for as long as a file is left unwatched at most. */
  next(): Promise<void>;
  /** Ends it. */
  close(): void;
}

function collectHints(folder: string): Hints {
  let hinted = false;
  let wake: (() => void) | undefined;
  const close = listen(folder, () => {
    hinted = true;
    wake?.();
  });
  return {
    close() {
      close();
      wake?.();
    },
    async next() {
      if (!hinted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, POLL).unref();
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      await pause(HINTS);
      hinted = false;
    },
  };
}

function listen(folder: string, onEvent: () => void): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent);
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    // No such folder yet, or no watches left: then there are no hints.
    return () => {};
  }
}
