import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeInJson, readJson } from '../../src/rules/json-text.ts';
import { findOffset } from '../../src/rules/place.ts';
import { readYaml } from '../../src/rules/yaml-text.ts';

const json = fc.json({ maxDepth: 4 }).filter((text) => text.startsWith('{'));

test('JSON is read as `JSON.parse` reads it, at any indentation', () => {
  fc.assert(
    fc.property(json, fc.nat(3), (text, indentation) => {
      const data: unknown = JSON.parse(text);
      expect(readJson(JSON.stringify(data, null, indentation))).toEqual(data);
    }),
  );
});

test('a key that stands twice is noticed however it is written', () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"b":[{"a":1 , "\\u0061"\n:2}]}',
    '{"\\\\":1,"\\\\":"\\""}',
    '{"":1,"":2}',
  ]) {
    expect(readJson(text)).toBeUndefined();
  }
  for (const text of ['{"a":"a\\":b"}', '{"a":{"a":["a",":"]}}', '{"__proto__":1}', '{"a\\\\":"\\\\"}']) {
    expect(readJson(text)).toEqual(JSON.parse(text));
  }
});

test('values and keys are found where the YAML parser finds them', () => {
  fc.assert(
    fc.property(json, (text) => {
      const data: unknown = JSON.parse(text);
      const pretty = JSON.stringify(data, null, 1);
      const { root } = readYaml(pretty);
      const own = placeInJson(pretty, 0);
      for (const path of pathsOf(data)) {
        expect(findOffset(own, path, false), path.join()).toBe(findOffset(root, path, false));
        expect(findOffset(own, path, true), path.join()).toBe(findOffset(root, path, true));
      }
    }),
  );
});

function pathsOf(data: unknown): readonly (readonly (string | number)[])[] {
  if (typeof data !== 'object' || data === null) return [[]];
  const keys = Array.isArray(data) ? [...data.keys()] : Object.keys(data);
  return [
    [],
    ...keys.flatMap((key) => pathsOf(Reflect.get(data, key)).map((path) => [key, ...path])),
    ['none'],
  ];
}
