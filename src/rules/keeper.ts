import { openCopy } from './copy.ts';
import { openHistory } from './history.ts';
import type { TextKeeper } from './store.ts';

/** Where accepted texts are kept. */
export interface KeeperOptions {
  /** The file of the copy. */
  readonly cache?: string | undefined;
  /** The folder of the history. */
  readonly history?: string | undefined;
}

/** Makes what keeps the accepted texts of a store on this machine. */
export function createKeeper(source: string, { cache, history }: KeeperOptions): TextKeeper {
  const copy = cache === undefined ? undefined : openCopy(cache, source);
  const past = history === undefined ? undefined : openHistory(history);
  return {
    recall: async () => copy?.read(),
    async keep(text, revision) {
      const kept = await Promise.allSettled([
        explain(copy?.write(text, revision), `The copy of the rules in \`${cache}\``),
        explain(past?.add(text, revision), `The history of the rules in \`${history}\``),
      ]);
      const failed = kept.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
  };
}

async function explain(done: Promise<void> | undefined, what: string): Promise<void> {
  try {
    await done;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${what} cannot be kept: ${reason}.`, { cause: error });
  }
}
