import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openCopy } from '../../src/rules/copy.ts';
import { openHistory } from '../../src/rules/history.ts';
import { createKeeper } from '../../src/rules/keeper.ts';
import { revisionOf } from '../../src/rules/revision.ts';

const folder = mkdtempSync(join(tmpdir(), 'turnout-history-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const place = (): string => join(folder, `${count++}`, 'deep');

describe('the history', () => {
  test('lists what was added, the newest first, and each time that it came', async () => {
    const history = openHistory(place());
    expect(await history.list()).toEqual([]);
    for (const text of ['a', 'b', 'b', 'a']) await history.add(text, await revisionOf(text));
    const entries = await history.list();
    expect(await Promise.all(entries.map((entry) => history.read(entry)))).toEqual(['a', 'b', 'a']);
    expect(
      entries.map(({ acceptedAt }) => Math.abs(acceptedAt.getTime() - Date.now()) < 10_000),
    ).not.toContain(false);
  });

  test('keeps fifty, for the owner alone, and leaves other files alone', async () => {
    const path = place();
    const history = openHistory(path);
    await history.add('first', await revisionOf('first'));
    writeFileSync(join(path, 'notes.txt'), 'mine');
    for (let number = 0; number < 52; number += 1)
      await history.add(`${number}`, await revisionOf(`${number}`));
    const entries = await history.list();
    expect(entries).toHaveLength(50);
    expect(await Promise.all([entries[0], entries[49]].map((entry) => history.read(entry!)))).toEqual([
      '51',
      '2',
    ]);
    expect(readdirSync(path)).toHaveLength(51);
    expect(statSync(entries[0]!.file).mode & 0o777).toBe(0o600);
  });

  test('gives no text that is not what was accepted', async () => {
    const history = openHistory(place());
    await history.add('a', await revisionOf('a'));
    const [entry] = await history.list();
    writeFileSync(entry!.file, 'b');
    await expect(history.read(entry!)).rejects.toThrow('is no longer what was accepted');
  });
});

describe('the copy', () => {
  test('gives back what was written, for the owner alone', async () => {
    const path = join(place(), 'copy.json');
    const copy = openCopy(path, 'redis://a#key');
    expect(await copy.read()).toBeUndefined();
    await copy.write('text\n', await revisionOf('text\n'));
    expect(await copy.read()).toBe('text\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(path, '..'))).toEqual(['copy.json']);
  });

  test.each<readonly [string, (text: string) => string]>([
    ['cut off', (text) => text.slice(0, -9)],
    ['changed', (text) => text.replace('text', 'test')],
    ['of another store', (text) => text.replace('redis://a', 'redis://b')],
    ['something else', () => '[]'],
  ])('is not used when it is %s', async (_, spoil) => {
    const path = join(place(), 'copy.json');
    const copy = openCopy(path, 'redis://a#key');
    await copy.write('text', await revisionOf('text'));
    writeFileSync(path, spoil(readFileSync(path, 'utf8')));
    expect(await copy.read()).toBeUndefined();
  });
});

test('what cannot be kept is said with its place', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const keeper = createKeeper('name', { cache: join(file, 'copy.json') });
  await expect(keeper.keep('a', await revisionOf('a'))).rejects.toThrow(
    `The copy of the rules in \`${file}/copy.json\` cannot be kept: `,
  );
  const other = createKeeper('name', { history: join(file, 'history') });
  await expect(other.keep('a', await revisionOf('a'))).rejects.toThrow('The history of the rules in');
  await expect(createKeeper('name', {}).keep('a', '')).resolves.toBeUndefined();
});
