import { randomBytes } from 'node:crypto';
import { chmod, chown, open, realpath, rename, rm, stat } from 'node:fs/promises';

/** Only the owner may read or write. */
const PRIVATE = 0o600;

/**
 * Writes a file so that it is the old one or the new one at any time, also after a crash: beside it, and renamed.
 *
 * A link stays one: what it leads to is replaced. Mode and owner of a file that there was are kept, as far as they may be;
 * a new one is its owner's alone.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const before = await stat(target).catch(() => undefined);
  const temporary = `${target}.${randomBytes(6).toString('hex')}~`;
  try {
    const file = await open(temporary, 'wx', PRIVATE);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if (before) {
      await chown(temporary, before.uid, before.gid).catch(() => {});
      await chmod(temporary, before.mode & 0o7777);
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
