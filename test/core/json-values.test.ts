import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { isObject, readJson } from '../../src/core/json-document.ts';
import type { JsonPath } from '../../src/core/json-rewrite.ts';
import { type ReplaceJsonValue, rewriteJsonValues } from '../../src/core/json-values.ts';

// Thousands of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const mark: ReplaceJsonValue = (keys, value) => ({ [keys.join('/')]: value });

async function* cut(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function rewrite(
  text: string | Uint8Array,
  paths: readonly JsonPath[],
  size = 1,
  replace: ReplaceJsonValue = mark,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of rewriteJsonValues(cut(text, size), paths, replace)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('the values at a path are replaced, and nothing else', () => {
  test.each<[title: string, paths: readonly JsonPath[], body: string, rewritten: string]>([
    ['an object', [['a']], '{"a": {"b":1} }', '{"a": {"a":{"b":1}} }'],
    ['an array', [['a']], '{"a":[1,[2]],"b":[]}', '{"a":{"a":[1,[2]]},"b":[]}'],
    ['a string', [['a']], '{"b":"x", "a":"a\\"}"}', '{"b":"x", "a":{"a":"a\\"}"}}'],
    ['numbers stay', [['a']], '{"a":1,"b":{"a":true}}', '{"a":1,"b":{"a":true}}'],
    ['each of an array', [['a', '*']], '{"a":[{},"x",1,[]]}', '{"a":[{"a/":{}},{"a/":"x"},1,{"a/":[]}]}'],
    [
      'each of objects of arrays',
      [['p', '*', '*']],
      '{"p":{"x":[{"v":1},{"v":2}],"y":{"1":{"v":3}}},"q":[{"v":4}]}',
      '{"p":{"x":[{"p/x/":{"v":1}},{"p/x/":{"v":2}}],"y":{"1":{"p/y/1":{"v":3}}}},"q":[{"v":4}]}',
    ],
    ['the whole', [[]], ' {"a":1} ', ' {"":{"a":1}} '],
    ['only the outer of two', [['a'], ['a', 'b']], '{"a":{"b":{}}}', '{"a":{"a":{"b":{}}}}'],
    ['a key with escapes', [['a"b']], '{"a\\"b":{}}', '{"a\\"b":{"a\\"b":{}}}'],
    [
      'a key that is a value elsewhere',
      [['a']],
      '{"x":"a","y":["a",{"a":[]}]}',
      '{"x":"a","y":["a",{"a":[]}]}',
    ],
    ['white space', [['a']], '\r\n{\t"a" :\n[ ] , "b":0}', '\r\n{\t"a" :\n{"a":[]} , "b":0}'],
  ])('%s', async (_, paths, body, rewritten) => {
    for (const size of [1, 2, 3, 7, 1000])
      expect((await rewrite(body, paths, size)).toString()).toBe(rewritten);
  });

  test('a value may be left as it is', async () => {
    const body = '{"a":[ {"b" : 1.0}, {"b":2} ]}';
    const replace: ReplaceJsonValue = (_, value) => (isObject(value) && value.b === 2 ? 'x' : undefined);
    expect((await rewrite(body, [['a', '*']], 4, replace)).toString()).toBe('{"a":[ {"b" : 1.0}, "x" ]}');
  });
});

test('what is replaced by itself is the same document, however it is cut', async () => {
  const key = fc.constantFrom('a', 'b', 'c', '"', '\\', 'é');
  const paths = fc.array(fc.array(fc.oneof(key, fc.constant('*')), { maxLength: 4 }), { maxLength: 3 });
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom<unknown>(null, 1, 'a', '{"a":[', '\\"', ''),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 3 }),
    ),
  })).value;
  await fc.assert(
    fc.asyncProperty(value, paths, fc.integer({ min: 1, max: 20 }), async (document, wanted, size) => {
      const body = JSON.stringify(document, null, size % 2);
      const same = await rewrite(body, wanted, size, (_, each) => each);
      expect(JSON.parse(same.toString())).toEqual(document);
      expect((await rewrite(body, wanted, size, () => undefined)).toString()).toBe(body);
    }),
    { numRuns: 1500 },
  );
});

test('what is no JSON passes unchanged', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', 'a'), maxLength: 40 }),
  );
  await fc.assert(
    fc.asyncProperty(bytes, fc.integer({ min: 1, max: 9 }), async (body, size) => {
      const passed = await rewrite(body, [['a'], ['a', '*'], ['*', 'a']], size, () => undefined);
      expect(passed).toEqual(Buffer.from(body as string));
    }),
    { numRuns: 1500 },
  );
});

test('a value or key that is too long passes unchanged', async () => {
  const long = `{"a":["${'x'.repeat(9_000_000)}"],"${'k'.repeat(70_000)}":{"a":1},"b":{"a":{}}}`;
  const rewritten = await rewrite(long, [['a'], ['b', 'a']], 65_536);
  expect(rewritten.toString()).toBe(long.replace('"b":{"a":{}}', '"b":{"a":{"b/a":{}}}'));
});

test('a document is read whole, up to a limit', async () => {
  expect(await readJson(cut('{"a":["é"]}', 1), 20)).toEqual({ a: ['é'] });
  await expect(readJson(cut('{"a":["é"]}', 1), 10)).rejects.toThrow('longer than 10 bytes');
  await expect(readJson(cut('{"a"', 1), 10)).rejects.toThrow();
  expect([{}, [], null, 'x', 1].map(isObject)).toEqual([true, false, false, false, false]);
});
