import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { findParameter, mergeQuery } from '../../src/core/query.ts';

describe('finding a parameter', () => {
  test.each<[query: string, name: string, value: string | undefined]>([
    ['', 'a', undefined],
    ['a', 'a', ''],
    ['a=', 'a', ''],
    ['a=1', 'a', '1'],
    ['a=1&b=2', 'b', '2'],
    ['b=2&a=1', 'a', '1'],
    ['a=1=2', 'a', '1=2'],
    ['a=1&a=2', 'a', '1'],
    ['ab=1&a=2', 'a', '2'],
    ['a&b', 'b', ''],
    ['&&a=1', 'a', '1'],
    ['x=a=1', 'a', undefined],
    ['A=1', 'a', undefined],
    // Bytes stay bytes.
    ['a=%2F+%zz', 'a', '%2F+%zz'],
    ['%61=1', 'a', undefined],
  ])('in %j, %s is %j', (query, name, value) => {
    expect(findParameter(query, name)).toBe(value);
  });

  test('finds what splitting finds', () => {
    const query = fc.string({ unit: fc.constantFrom('a', 'b', '=', '&'), maxLength: 12 });
    fc.assert(
      fc.property(query, fc.constantFrom('a', 'b', 'ab'), (text, name) => {
        const pairs = text
          .split('&')
          .map((pair) => [pair.split('=', 1)[0], pair.split('=').slice(1).join('=')]);
        expect(findParameter(text, name)).toBe(pairs.find(([key]) => key === name)?.[1]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('merging a query into a target', () => {
  test.each<[title: string, own: string, carried: string | undefined, merged: string]>([
    ['nothing on either side', '', undefined, ''],
    ['nothing carried', 'a=1', undefined, 'a=1'],
    ['an empty query carried', 'a=1', '', 'a=1'],
    ['nothing of its own', '', 'b=%2f&b=2&&', 'b=%2f&b=2&&'],
    ['different names', 'a=1', 'b=2&c=3', 'a=1&b=2&c=3'],
    ["the target's own wins", 'a=1', 'a=2&b=3', 'a=1&b=3'],
    ["the target's own wins over all of that name", 'a=1', 'a=2&a=3', 'a=1'],
    ['an encoded name is the same name', 'a=1', '%61=2', 'a=1'],
    ['an encoded name of its own', '%61+b=1', 'a%20b=2&c=3', '%61+b=1&c=3'],
    ['another case is another name', 'a=1', 'A=2', 'a=1&A=2'],
    ['a name without a value', 'a', 'a=1&b', 'a&b'],
    ['a bad escape is its own name', '%zz=1', '%zz=2&%z=3', '%zz=1&%z=3'],
    ['values stay as they are', 'a=1', 'b=%2F+%zz/?', 'a=1&b=%2F+%zz/?'],
  ])('%s', (_, own, carried, merged) => {
    expect(mergeQuery(own, carried)).toBe(merged);
  });
});
