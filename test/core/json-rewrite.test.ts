import fc, { type GeneratorValue } from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { type JsonPath, rewriteJsonStrings } from '../../src/core/json-rewrite.ts';

// Thousands of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const bracket = (keys: readonly string[], value: string): string => `<${keys.join('/')}|${value}>`;

/** Cuts a body at these places. */
async function* cut(body: Uint8Array, places: readonly number[]): AsyncGenerator<Uint8Array> {
  const sorted = [...new Set(places.map((place) => place % (body.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...sorted, body.length]) {
    yield body.slice(from, to);
    from = to;
  }
}

async function rewrite(
  body: Uint8Array | string,
  paths: readonly JsonPath[],
  places: readonly number[] = [],
  replace: (keys: readonly string[], value: string) => string = bracket,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const input = typeof body === 'string' ? bytes(body) : body;
  for await (const chunk of rewriteJsonStrings(cut(input, places), paths, replace)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Every place. */
const everywhere = (length: number): number[] => Array.from({ length }, (_, index) => index);

describe('the strings at a path are replaced, and nothing else', () => {
  test.each<[title: string, paths: readonly JsonPath[], body: string, rewritten: string]>([
    ['a key of the root', [['name']], '{"name":"a"}', '{"name":"<name|a>"}'],
    [
      'white space stays',
      [['name']],
      ' { "name"\t:\r\n"a" , "b" : [ ] } ',
      ' { "name"\t:\r\n"<name|a>" , "b" : [ ] } ',
    ],
    [
      'the same name deeper down stays',
      [['name']],
      '{"a":{"name":"x"},"name":"a"}',
      '{"a":{"name":"x"},"name":"<name|a>"}',
    ],
    [
      'the same name in an array stays',
      [['name']],
      '{"a":[{"name":"x"}],"name":"a"}',
      '{"a":[{"name":"x"}],"name":"<name|a>"}',
    ],
    ['strings of an array stay', [['name']], '{"name":["a","b"]}', '{"name":["a","b"]}'],
    ['an array at the root is not looked into', [['name']], '[{"name":"a"}]', '[{"name":"a"}]'],
    ['a string at the root stays', [['name']], '"name"', '"name"'],
    ['an object instead of a string stays', [['name']], '{"name":{"name":"a"}}', '{"name":{"name":"a"}}'],
    ['no string stays', [['name']], '{"name":null,"a":1,"b":true}', '{"name":null,"a":1,"b":true}'],
    [
      'a value that looks like a key',
      [['name']],
      '{"a":"name","name":"b"}',
      '{"a":"name","name":"<name|b>"}',
    ],
    [
      'keys in any order, twice too',
      [['name']],
      '{"name":"a","x":1,"name":"b"}',
      '{"name":"<name|a>","x":1,"name":"<name|b>"}',
    ],
    ['a key written with escapes', [['name']], '{"n\\u0061me":"a"}', '{"n\\u0061me":"<name|a>"}'],
    [
      'a key that only starts so',
      [['name']],
      '{"names":"a","nam":"b","\\u0000name":"c"}',
      '{"names":"a","nam":"b","\\u0000name":"c"}',
    ],
    ['a key behind a byte order mark is another key', [['name']], '{"\ufeffname":"a"}', '{"\ufeffname":"a"}'],
    ['a value keeps its byte order mark', [['name']], '{"name":"\ufeffa"}', '{"name":"<name|\ufeffa>"}'],
    [
      'any key at a star',
      [['v', '*', 't']],
      '{"v":{"1":{"t":"a"},"2":{"t":"b","u":"c"}},"t":"d"}',
      '{"v":{"1":{"t":"<v/1/t|a>"},"2":{"t":"<v/2/t|b>","u":"c"}},"t":"d"}',
    ],
    [
      'a path that ends earlier in the document',
      [['v', '*', 't']],
      '{"v":{"1":"a","t":"b"}}',
      '{"v":{"1":"a","t":"b"}}',
    ],
    [
      'several paths',
      [['a'], ['b', 'c']],
      '{"a":"1","b":{"c":"2","a":"3"}}',
      '{"a":"<a|1>","b":{"c":"<b/c|2>","a":"3"}}',
    ],
    ['paths of which one begins the other', [['a'], ['a', 'a']], '{"a":{"a":"1"}}', '{"a":{"a":"<a/a|1>"}}'],
    [
      'escapes are read',
      [['name']],
      '{"name":"\\"\\\\\\/\\n\\u00e9\\ud83d\\ude00"}',
      '{"name":"<name|\\"\\\\/\\né😀>"}',
    ],
    ['half a character survives', [['name']], '{"name":"\\ud83d"}', '{"name":"<name|\\ud83d>"}'],
    [
      'a string of backslashes',
      [['name']],
      '{"name":"\\\\\\\\","b":"\\\\"}',
      '{"name":"<name|\\\\\\\\>","b":"\\\\"}',
    ],
    ['an empty string', [['name']], '{"name":"","":"x"}', '{"name":"<name|>","":"x"}'],
    ['an empty key', [['']], '{"":"x"}', '{"":"<|x>"}'],
    [
      'the names of JavaScript',
      [['__proto__', 'constructor']],
      '{"__proto__":{"constructor":"a"}}',
      '{"__proto__":{"constructor":"<__proto__/constructor|a>"}}',
    ],
    [
      'several documents in a row',
      [['name']],
      '{"name":"a"}\n{"name":"b"}',
      '{"name":"<name|a>"}\n{"name":"<name|b>"}',
    ],
    ['a byte order mark before the document', [['name']], '\ufeff{"name":"a"}', '\ufeff{"name":"<name|a>"}'],
    ['no path', [], '{"name":"a"}', '{"name":"a"}'],
    ['no document', [['name']], '', ''],
  ])('%s', async (_, paths, body, rewritten) => {
    expect((await rewrite(body, paths)).toString()).toBe(rewritten);
    expect((await rewrite(body, paths, everywhere(bytes(body).length))).toString()).toBe(rewritten);
  });
});

/** A part of a document; those at a path come with what they are replaced by. */
interface Piece {
  readonly text: string;
  readonly replaced?: string;
}

const PATHS: readonly (readonly JsonPath[])[] = [
  [['name']],
  [['versions', '*', 'dist', 'tarball']],
  [['dist', 'tarball'], ['name']],
  [['*', '*']],
];
const KEYS = [
  'name',
  'versions',
  'dist',
  'tarball',
  '1.0.0',
  'a',
  '',
  '__proto__',
  'na"me',
  'näme',
  '\ud83d\ude00',
];
const CHARACTERS = [
  'a',
  'name',
  '"',
  '\\',
  '/',
  '\n',
  '\u0000',
  'é',
  '€',
  '😀',
  '\ud83d',
  '\ude00',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\u2028',
  '\ufeff',
];

/** Writes documents in any style, and remembers which strings are at a path. */
function writeDocument(g: GeneratorValue, paths: readonly JsonPath[]): readonly Piece[] {
  const pieces: Piece[] = [];
  const put = (text: string) => pieces.push({ text });
  const space = () => put(g(fc.constantFrom, '', '', ' ', '\n\t', '\r\n  '));
  const between = (count: number, write: () => void) => {
    for (let index = 0; index < count; index++) {
      if (index > 0) put(',');
      space();
      write();
      space();
    }
  };

  function writeValue(keys: readonly string[], depth: number): void {
    const leading = paths.map((path) => path[keys.length] ?? 'a').map((key) => (key === '*' ? '1.0.0' : key));
    const onPath = paths.some(
      (path) =>
        path.length > keys.length &&
        path.slice(0, keys.length).every((key, index) => key === '*' || key === keys[index]),
    );
    const kind = g(
      fc.constantFrom,
      ...(onPath ? ['object', 'object', 'object'] : ['object', 'string', 'string']),
      'string',
      'array',
      'other',
    );
    if ((kind === 'object' && depth < 5) || depth === 0) {
      put('{');
      const distinct = g(fc.uniqueArray, fc.constantFrom(...leading, ...leading, ...leading, ...KEYS), {
        minLength: onPath ? 1 : 0,
        maxLength: 4,
      });
      let next = 0;
      between(distinct.length, () => {
        const key = distinct[next++] as string;
        put(quote(key));
        space();
        put(':');
        space();
        writeValue([...keys, key], depth + 1);
      });
      put('}');
    } else if (kind === 'array' && depth < 5) {
      put('[');
      // Nothing of an array is at a path.
      between(g(fc.nat, { max: 3 }), () => writeValue([...keys, '\0array'], depth + 9));
      put(']');
    } else if (kind === 'string') {
      const value = g(fc.array, fc.constantFrom(...CHARACTERS), { maxLength: 4 }).join('');
      const here = paths.some(
        (path) =>
          path.length === keys.length && path.every((key, index) => key === '*' || key === keys[index]),
      );
      const inArray = keys.includes('\0array');
      pieces.push({
        text: quote(value),
        ...(here && !inArray && { replaced: JSON.stringify(bracket(keys, value)) }),
      });
    } else put(g(fc.constantFrom, 'null', 'true', '-1.5e+10', '0'));
  }

  function quote(value: string): string {
    const plain = JSON.stringify(value);
    const style = g(fc.constantFrom, 'plain', 'plain', 'slashes', 'escapes');
    if (style === 'slashes') return plain.replaceAll('/', '\\/');
    if (style === 'plain') return plain;
    return `"${value.replace(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
  }

  space();
  writeValue([], 0);
  space();
  return pieces;
}

const places = fc.array(fc.nat(500), { maxLength: 20 });

test('for any document, any paths and any chunks, exactly the strings at the paths change', async () => {
  let changed = 0;
  await fc.assert(
    fc.asyncProperty(fc.gen(), fc.constantFrom(...PATHS), places, async (g, paths, cuts) => {
      const pieces = writeDocument(g, paths);
      const body = pieces.map(({ text }) => text).join('');
      JSON.parse(body);
      const expected = pieces.map(({ text, replaced }) => replaced ?? text).join('');
      changed += pieces.filter(({ replaced }) => replaced).length;
      expect((await rewrite(body, paths, cuts)).toString()).toBe(expected);
    }),
    { numRuns: 2000 },
  );
  expect(changed).toBeGreaterThan(500);
});

test('of a document that breaks off, the rest passes as it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.gen(), fc.constantFrom(...PATHS), fc.nat(), places, async (g, paths, at, cuts) => {
      const pieces = writeDocument(g, paths);
      const whole = bytes(pieces.map(({ text }) => text).join(''));
      let left = at % (whole.length + 1);
      const expected: Uint8Array[] = [];
      for (const { text, replaced } of pieces) {
        const piece = bytes(text);
        // The closing quote passes with what follows it.
        expected.push(replaced && left >= piece.length ? bytes(replaced) : piece.subarray(0, left));
        left = Math.max(0, left - piece.length);
      }
      expect(await rewrite(whole.subarray(0, at % (whole.length + 1)), paths, cuts)).toEqual(
        Buffer.concat(expected),
      );
    }),
    { numRuns: 1000 },
  );
});

describe('what is not JSON', () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .string({ unit: fc.constantFrom(...'{}[]",:\\ ne', '"name":', '"a"', '{"name":"'), maxLength: 40 })
      .map(bytes),
  );

  test('never makes it throw, and is the same in any chunks', async () => {
    await fc.assert(
      fc.asyncProperty(noise, places, async (body, cuts) => {
        expect(await rewrite(body, [['name'], ['*', 'a']], cuts)).toEqual(
          await rewrite(body, [['name'], ['*', 'a']]),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['HTML', '<html><body class="name">"name":"a"</body></html>'],
    ['a message', 'Not found: "name"'],
    ['closing brackets', ']}]}"name":"a"'],
    ['a gzip header', '\x1f\x8b\x08\0"'],
  ])('%s passes as it is', async (_, body) => {
    expect((await rewrite(body, [['name']], everywhere(body.length))).toString()).toBe(body);
  });

  test('an escape that is none is text', async () => {
    expect((await rewrite('{"name":"\\x"}', [['name']])).toString()).toBe('{"name":"<name|\\\\x>"}');
  });

  test('a byte that is no UTF-8 stays where nothing is replaced', async () => {
    const body = Buffer.from('{"a":"\xff","name":"b"}', 'latin1');
    expect((await rewrite(body, [['name']])).toString('latin1')).toBe('{"a":"\xff","name":"<name|b>"}');
  });
});

describe('a long string', () => {
  const limit = 65_536;
  const cuttings: readonly (readonly [string, readonly number[]])[] = [
    ['one chunk', []],
    ['chunks of 16 KB', everywhere(8).map((index) => index * 16_384)],
    ['a chunk before its last byte', [limit + 8]],
    ['a chunk for its last byte', [limit + 8, limit + 9]],
  ];

  test.each(cuttings)('of 64 KB is replaced, in %s', async (_, cuts) => {
    const value = 'x'.repeat(limit);
    const result = await rewrite(`{"name":"${value}","a":1}`, [['name']], cuts, () => 'short');
    expect(result.toString()).toBe('{"name":"short","a":1}');
  });

  test.each(cuttings)(
    'of more than 64 KB stays, in %s, and what follows it is looked at',
    async (_, cuts) => {
      const body = (short: string) =>
        `{"name":"${'x'.repeat(limit + 1)}\\"","name":"${short}","a":{"name":"b"}}`;
      expect((await rewrite(body('a'), [['name']], cuts)).toString()).toBe(body('<name|a>'));
    },
  );

  test.each(cuttings)('is no key, in %s', async (_, cuts) => {
    const body = (short: string) => `{"name${'x'.repeat(limit)}":"b","name":"${short}"}`;
    expect((await rewrite(body('a'), [['name']], cuts)).toString()).toBe(body('<name|a>'));
  });

  test('is handed on before it ends', async () => {
    let taken = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield bytes('{"name":"');
      for (; taken < 1000; taken++) yield bytes('x'.repeat(16_384));
    }
    const stream = rewriteJsonStrings(endless(), [['name']], bracket);
    let seen = 0;
    while (seen < limit) seen += (await stream.next()).value?.length ?? 0;
    expect(taken).toBeLessThan(10);
  });
});

test('a document nested without end takes no memory', async () => {
  const chunk = bytes('[{"a":'.repeat(10_000));
  async function* nested(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 100; index++) yield chunk;
    yield bytes('"b"');
    for (let index = 0; index < 100; index++) yield bytes('}]'.repeat(10_000));
    yield bytes(',"name":"c"}');
  }
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes('{"x":');
    yield* nested();
  }
  const before = process.memoryUsage().heapUsed;
  let most = 0;
  let last = '';
  for await (const part of rewriteJsonStrings(body(), [['name']], bracket)) {
    most = Math.max(most, process.memoryUsage().heapUsed);
    last = Buffer.from(part.subarray(-2)).toString();
  }
  expect((most - before) / 2 ** 20).toBeLessThan(40);
  expect(last).toBe('"}');
});
