import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { type RunningProcess, startProcess } from './lab/process.ts';
import { startTurnout } from './programs/turnout.ts';
import { startFile } from './stores/file.ts';
import { startHttpStore } from './stores/http.ts';
import { startRedis } from './stores/redis.ts';
import type { Store } from './stores/store.ts';

const SWITCHES = 50;
/** How long an answer may come from the set of before, once the store has acknowledged the change, in milliseconds. */
const LIMIT = 1000;

const cleanup = createCleanup();
afterAll(() => cleanup.run());

const rulesTo = (version: number): string => `rules:
  - name: files
    protocol: file
    match: /dl/*path
    to: https://v${version}.example/*path
`;

/** An answer as curl got it. */
interface Answer {
  readonly at: number;
  readonly status: string;
  readonly version: number;
}

/** Asks again and again, over connections that stay open, and tells what comes as it comes. */
function startLoad(origin: string, onAnswer: (answer: Answer) => void): RunningProcess {
  // Written to stderr, a line is here as soon as its answer is.
  const format = '%{stderr}%{http_code} %{redirect_url}\\n';
  const load = startProcess('curl', ['-s', '-o', '/dev/null', '-w', format, `${origin}/dl/[1-1000000]`]);
  let read = 0;
  const look = () => {
    const text = load.stderr();
    for (let end = text.indexOf('\n', read); end !== -1; end = text.indexOf('\n', read)) {
      const [status = '', target = ''] = text.slice(read, end).split(' ');
      read = end + 1;
      onAnswer({ at: performance.now(), status, version: Number(/^https:\/\/v(\d+)\./.exec(target)?.[1]) });
    }
    return undefined;
  };
  load.waitUntil(look, 'its end', 600_000).catch(() => {});
  return load;
}

describe.each<readonly [string, () => Promise<Store>, readonly string[]]>([
  ['a file', startFile, []],
  ['an HTTP address', startHttpStore, ['--poll', '0.5']],
  ['Redis', () => startRedis(), []],
])('%s', (name, start, args) => {
  test(`is switched ${SWITCHES} times under load: no request fails, and none is answered by an old set after a second`, async () => {
    const store = await cleanup.use(start());
    await store.put(rulesTo(0));
    const { address, env } = store;
    const turnout = await cleanup.use(
      startTurnout(rulesTo(0), { address, env, args: [...args, '--log', 'off'] }),
    );
    /** When the store had acknowledged each version. */
    const acknowledged = [performance.now()];
    /** When each version was seen first. */
    const seen: number[] = [];
    const bad: Answer[] = [];
    let answers = 0;
    const onAnswer = (answer: Answer) => {
      answers += 1;
      const { at, status, version } = answer;
      seen[version] ??= at;
      // What this answer has to have seen at least.
      const oldest = acknowledged.findLastIndex((time) => time <= at - LIMIT);
      if (status !== '302' || version < oldest || Number.isNaN(version)) bad.push(answer);
    };
    const loads = [startLoad(turnout.origin, onAnswer), startLoad(turnout.origin, onAnswer)];
    for (const load of loads) await cleanup.use(load);
    await expect.poll(() => seen[0], { timeout: 10_000 }).toBeDefined();
    for (let version = 1; version <= SWITCHES; version += 1) {
      await store.put(rulesTo(version));
      acknowledged[version] = performance.now();
      await expect.poll(() => seen[version], { timeout: 5000, interval: 10 }).toBeDefined();
      await delay(50 + Math.random() * 150);
    }
    await delay(LIMIT + 200);
    for (const load of loads) expect(load.ended()).toBe(false);
    expect(bad).toEqual([]);
    const times = acknowledged.slice(1).map((time, index) => (seen[index + 1] ?? Number.NaN) - time);
    times.sort((a, b) => a - b);
    const [median, longest] = [times[SWITCHES / 2], times.at(-1)].map((time) => Math.round(time ?? 0));
    process.stdout.write(
      `${name}: ${answers} answers, taken up after ${median} ms (median), ${longest} ms (longest)\n`,
    );
    expect(answers).toBeGreaterThan(1000);
  });
});
