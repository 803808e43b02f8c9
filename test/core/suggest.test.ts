import { expect, test } from 'vitest';

import { suggest } from '../../src/core/suggest.ts';

test.each<[word: string, candidates: readonly string[], nearest: string | undefined]>([
  ['verison', ['version', 'platform'], 'version'],
  ['Version', ['platform', 'version'], 'version'],
  ['vesrion', ['version'], 'version'],
  ['image', ['images'], 'images'],
  ['tag', ['tags', 'tag'], 'tag'],
  ['host', ['hots', 'at'], 'hots'],
  ['platfrm_name', ['platform_name'], 'platform_name'],
  ['a', ['b'], 'b'],
  ['abc', ['axy'], 'axy'],
  ['abc', ['xyz'], undefined],
  ['xyz', ['version', 'platform'], undefined],
  ['version', [], undefined],
  ['to', ['protocol'], undefined],
  // A longer word may have more mistakes.
  ['downgrdaeallowd', ['downgradeallowed'], 'downgradeallowed'],
])('for %s among %j: %s', (word, candidates, nearest) => {
  expect(suggest(word, candidates)).toBe(nearest);
});
