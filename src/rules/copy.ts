import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MAX_SIZE } from './document.ts';
import { revisionOf } from './revision.ts';
import { isMapping } from './rule-file.ts';
import { writeWhole } from './write-whole.ts';

/** The copy of the last good text of one store. */
export interface TextCopy {
  /** Gives the text; `undefined` when there is no copy, or one that is damaged or of another store. */
  read(): Promise<string | undefined>;
  /** Replaces it. */
  write(text: string, revision: string): Promise<void>;
}

/** Makes what keeps a copy in a file, which only its owner may read. */
export function openCopy(path: string, source: string): TextCopy {
  return {
    async read() {
      const copy = parse(await readFile(path, 'utf8').catch(() => ''));
      if (!isMapping(copy) || copy.source !== source || typeof copy.text !== 'string') return undefined;
      if (copy.text.length > MAX_SIZE || copy.revision !== (await revisionOf(copy.text))) return undefined;
      return copy.text;
    },
    async write(text, revision) {
      await mkdir(dirname(path), { recursive: true });
      const copy = { source, revision, acceptedAt: new Date().toISOString(), text };
      await writeWhole(path, `${JSON.stringify(copy, null, 2)}\n`);
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
