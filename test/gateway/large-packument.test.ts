import { setTimeout as wait } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { describe, expect, test } from 'vitest';

import { rule } from '../../src/core/rule.ts';
import { npm } from '../../src/protocols/npm.ts';
import { ask, open } from './client.ts';
import { serve } from './serving.ts';
import { startUpstream } from './upstream.ts';

const LENGTH = 40 * 1_048_576;
const CORGI = 'application/vnd.npm.install-v1+json';
const MiB = 1_048_576;

const dependencies = `"dependencies":${JSON.stringify(Object.fromEntries(Array.from({ length: 40 }, (_, id) => [`@acme/part-${id}`, '^1.0.0'])))}`;

/** A packument of 40 MiB: fat versions with a readme, or as many thin ones as the abbreviated document has. */
function* packument(origin: string, abbreviated: boolean): Generator<string> {
  yield '{"name":"big","versions":{';
  const rest = abbreviated ? '' : `,"readme":"${'\\"dist\\" '.repeat(2000)}"`;
  let length = 0;
  let held = '';
  for (let minor = 0; length < LENGTH; minor++) {
    const version = `1.${minor}.0`;
    const piece = `${minor ? ',' : ''}"${version}":{"version":"${version}",${dependencies},"dist":{"tarball":"${origin}/download/big/${version}/0a1b"}${rest}}`;
    length += piece.length;
    held += piece;
    if (held.length < 50_000) continue;
    yield held;
    held = '';
  }
  yield `${held}}}`;
}

/** The most memory that the process had beyond what it had, looked at all the time. */
async function measure<T>(work: Promise<T>): Promise<readonly [result: T, most: number]> {
  globalThis.gc?.();
  const used = () => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  let most = before;
  let ended = false;
  const watch = (async () => {
    while (!ended) {
      most = Math.max(most, used());
      await wait(5);
    }
  })();
  const result = await work.finally(() => {
    ended = true;
  });
  await watch;
  return [result, (most - before) / MiB];
}

describe.each([
  ['full', 'application/json', false, '1.2000.0'],
  ['abbreviated', CORGI, true, '1.30000.0'],
] as const)('a packument of 40 MiB, %s', { timeout: 120_000 }, (_, accept, abbreviated, version) => {
  async function front() {
    const upstream = await startUpstream((request, response) => {
      expect(request.url).toBe('/big');
      const pieces = packument(upstream.origin, abbreviated);
      const fill = (): void => {
        for (const piece of restOf(pieces)) {
          if (!response.write(piece)) return void response.once('drain', fill);
        }
        response.end();
      };
      fill();
    });
    return { upstream, gateway: await serve([rule(npm, { to: upstream.origin })]) };
  }

  test('is rewritten in little memory', async () => {
    const { upstream, gateway } = await front();
    const read = async () => {
      const response = await open(gateway.origin, '/big', { headers: { accept, 'accept-encoding': 'gzip' } });
      let length = 0;
      let tail = '';
      for await (const chunk of response.pipe(createGunzip())) {
        length += chunk.length;
        expect(`${tail}${chunk}`.includes(upstream.origin)).toBe(false);
        tail = String(chunk).slice(-30);
      }
      return length;
    };
    const [length, most] = await measure(read());
    expect(length).toBeGreaterThan(LENGTH * 0.9);
    expect(most).toBeLessThan(64);
  });

  test('tells where a tarball is in little memory', async () => {
    const { upstream, gateway } = await front();
    const [answer, most] = await measure(ask(gateway.origin, `/big/-/big-${version}.tgz`));
    expect(answer).toMatchObject({
      status: 302,
      headers: { location: `${upstream.origin}/download/big/${version}/0a1b` },
    });
    expect(most).toBeLessThan(64);
  });
});

/** The rest of an iterator, again and again. */
function restOf(pieces: Generator<string>): Iterable<string> {
  return { [Symbol.iterator]: () => ({ next: () => pieces.next() }) };
}
