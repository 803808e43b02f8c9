import { expect, test } from 'vitest';

import { createMemory } from '../../src/gateway/memory.ts';

test('a text is made once, whenever somebody comes while it is made', async () => {
  const memory = createMemory();
  let made = 0;
  const read = () => memory.keep('key', 60, async () => `${++made}`);
  const asked = [read()];
  for (let turn = 0; turn < 20; turn++) {
    await undefined;
    asked.push(read());
  }
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['1']));
});

test('what could not be made is made again', async () => {
  const memory = createMemory();
  const failed = memory.keep('key', 60, () => Promise.reject(new Error('not now')));
  await expect(failed).rejects.toThrow('not now');
  expect(await memory.keep('key', 60, async () => 'made')).toBe('made');
});
