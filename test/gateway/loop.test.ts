import { expect, test } from 'vitest';

import { isLoop, markForwarded } from '../../src/gateway/loop.ts';

test('four passes are a circle, three are a chain', () => {
  let fields: Record<string, string> = {};
  const passes = [0, 1, 2, 3, 4].map(() => {
    const loop = isLoop(fields['cdn-loop']);
    fields = markForwarded(fields);
    return loop;
  });
  expect(passes).toEqual([false, false, false, false, true]);
});

test.each([
  ['nothing', undefined],
  ['an empty field', ''],
  ['another network', 'cloudflare, fastly, akamai, cloudflare, fastly'],
  ['names that only contain ours', 'turnout-x, xturnout, turnout.example, my-turnout'],
])('%s is no circle', (_, field) => {
  expect(isLoop(field)).toBe(false);
});

test('parameters of an entry do not hide it', () => {
  expect(isLoop('turnout;v=1, turnout; x, turnout ,turnout')).toBe(true);
});

test('the fields that a request brings are kept', () => {
  expect(markForwarded({ accept: '*/*', via: '1.0 fred', 'cdn-loop': 'cloudflare' })).toEqual({
    accept: '*/*',
    via: '1.0 fred, 1.1 turnout',
    'cdn-loop': 'cloudflare, turnout',
  });
});
