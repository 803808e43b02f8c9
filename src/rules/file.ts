import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { startTimer } from './pace.ts';
import { decodeText, readBytes } from './read-bytes.ts';
import type { RuleStore, StoredText, StoreRead } from './store.ts';
import { writeWhole } from './write-whole.ts';

/** How long a file must have stayed the same before a change is believed, in milliseconds. */
const SETTLED = 100;

/**
 * Makes a store of a rule file, for `loadRules`, which takes its path as well.
 *
 * Events of its folder are only a hint, as some file systems have none. Links are followed, so that a link that is
 * swapped is a change like a file that is renamed into place or written to.
 */
export function fileRules(path: string): RuleStore {
  let watcher: FSWatcher | undefined;
  return {
    name: path,
    commands: true,
    torn: true,
    longestPause: 1000,
    // At a start there is no writer to wait for; what is read then is read again when it is watched.
    read: async (read) =>
      read.known === undefined
        ? { text: decodeText(await readBytes(path), path), version: '' }
        : readSettled(path, read),
    watch(onHint) {
      watcher = listen(dirname(path), onHint);
    },
    async write(text, expected) {
      const now = decodeText(await readBytes(path), path);
      if (now !== expected) throw new Error(`\`${path}\` has been changed meanwhile.`);
      await writeWhole(path, text);
    },
    close: () => watcher?.close(),
  };
}

/** Reads a file when it has settled; `undefined` when it is the one that is known. */
async function readSettled(path: string, { known, signal }: StoreRead): Promise<StoredText | undefined> {
  while (!signal.aborted) {
    const before = await identify(path);
    if (before === known) return undefined;
    await new Promise<void>((resolve) => startTimer(resolve, SETTLED));
    if ((await identify(path)) !== before) continue;
    const bytes = await readBytes(path);
    const same = bytes.equals(await readBytes(path));
    // The file has not changed for longer than its times are exact, so that the next change shows in them.
    if (same && (await identify(path)) === before) return { text: decodeText(bytes, path), version: before };
  }
  throw new Error(`The rule file \`${path}\` does not stay the same.`);
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

function listen(folder: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent);
    return watcher.on('error', () => watcher.close());
  } catch {
    // No such folder yet, or no watches left: then there are no hints.
    return undefined;
  }
}
