import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { revisionOf } from './revision.ts';
import { writeWhole } from './write-whole.ts';

/** How many texts are kept. */
const MOST = 50;

/** `20261123T224501123Z-a49b6e30de8a.yaml`: when a text was accepted, and its revision. */
const NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-([\da-f]{12})\.yaml$/;

/** A text that was accepted once. */
export interface HistoryEntry {
  /** Its revision. */
  readonly revision: string;
  /** When it came into force. */
  readonly acceptedAt: Date;
  /** The file that it is in, as it was accepted. */
  readonly file: string;
}

/** The texts that were accepted, in a folder. */
export interface History {
  /** The entries, the newest first; none when there is no such folder. */
  list(): Promise<readonly HistoryEntry[]>;
  /**
   * Reads the text of an entry.
   *
   * @throws Error It is gone, or no longer what was accepted.
   */
  read(entry: HistoryEntry): Promise<string>;
  /** Adds a text, unless it is the newest already; the oldest beyond 50 go. */
  add(text: string, revision: string): Promise<void>;
}

/** Makes what keeps accepted texts in a folder, in files which only their owner may read. */
export function openHistory(folder: string): History {
  async function list(): Promise<readonly HistoryEntry[]> {
    const names = await readdir(folder).catch(() => []);
    return names
      .sort()
      .reverse()
      .flatMap((name) => parseName(folder, name));
  }
  return {
    list,
    async read({ file, revision }) {
      const text = await readFile(file, 'utf8');
      if ((await revisionOf(text)) === revision) return text;
      throw new Error(`\`${file}\` is no longer what was accepted as revision ${revision}.`);
    },
    async add(text, revision) {
      const entries = await list();
      const [newest] = entries;
      if (newest?.revision === revision) return;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // A clock that was set back does not turn the order round.
      const now = new Date(Math.max(Date.now(), (newest?.acceptedAt.getTime() ?? 0) + 1));
      await writeWhole(join(folder, formatName(now, revision)), text);
      for (const { file } of entries.slice(MOST - 1)) await rm(file, { force: true });
    },
  };
}

function formatName(acceptedAt: Date, revision: string): string {
  return `${acceptedAt.toISOString().replaceAll(/[-:.]/g, '')}-${revision}.yaml`;
}

function parseName(folder: string, name: string): readonly HistoryEntry[] {
  const [, year, month, day, hour, minute, second, fraction, revision] = NAME.exec(name) ?? [];
  if (revision === undefined) return [];
  const acceptedAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction}Z`);
  return Number.isNaN(acceptedAt.getTime()) ? [] : [{ revision, acceptedAt, file: join(folder, name) }];
}
