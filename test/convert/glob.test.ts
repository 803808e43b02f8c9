import fc from 'fast-check';
import { expect, test } from 'vitest';

import { globToPatterns } from '../../src/convert/_glob.ts';
import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { rule } from '../../src/core/rule.ts';
import { oci } from '../../src/protocols/oci.ts';

/** A piece of a glob as the other gateway writes it, and as a regular expression. */
interface Piece {
  readonly glob: string;
  readonly expression: string;
}

const letters = fc
  .constantFrom('a', 'b', 'ab', 'ba', 'a-b')
  .map((text): Piece => ({ glob: text, expression: text }));
const star = fc.constant<Piece>({ glob: '*', expression: '[^/]*' });
const joined = (pieces: readonly Piece[]): Piece => ({
  glob: pieces.map(({ glob }) => glob).join(''),
  expression: pieces.map(({ expression }) => expression).join(''),
});
const choices = fc
  .array(fc.array(fc.oneof(letters, star), { minLength: 1, maxLength: 2 }).map(joined), {
    minLength: 1,
    maxLength: 3,
  })
  .map(
    (list): Piece => ({
      glob: `{${list.map(({ glob }) => glob).join(',')}}`,
      expression: `(?:${list.map(({ expression }) => expression).join('|')})`,
    }),
  );
const segment = fc.array(fc.oneof(letters, star, choices), { minLength: 1, maxLength: 4 }).map(joined);
const globs = fc.array(segment, { minLength: 1, maxLength: 2 }).map(
  (segments): Piece => ({
    glob: segments.map(({ glob }) => glob).join('/'),
    expression: `^${segments.map(({ expression }) => expression).join('/')}$`,
  }),
);
const names = fc
  .array(fc.stringMatching(/^[ab](?:-?[ab]){0,5}$/), { minLength: 1, maxLength: 3 })
  .map((segments) => segments.join('/'));

test('a glob takes the names that the same regular expression takes', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(globs, fc.array(names, { minLength: 1, maxLength: 8 }), ({ glob, expression }, asked) => {
      const found = globToPatterns(glob);
      if ('problem' in found) return;
      const rules = compileRules([rule(oci, { match: found.patterns, to: 'ghcr.io' })]);
      for (const name of asked) {
        const path = `/v2/${name}/manifests/1`;
        const { type } = decide(rules, { method: 'GET', scheme: 'https', host: 'get.acme.example', path });
        expect([name, type]).toEqual([name, new RegExp(expression).test(name) ? 'proxy' : 'respond']);
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['library/*', ['library/:x1']],
  ['l*n*k*er/d{1,2}', ['l{:x1}n{:x2}k{:x3}er/d1', 'l{:x1}n{:x2}k{:x3}er/d2']],
  ['{abc}/{cdef}', ['abc/cdef']],
  ['**/a', [':x1/a']],
  ['{a,a}', ['a']],
  [String.raw`\*/\{a\}\,b`, [String.raw`\*/\{a\},b`]],
])('%s becomes %j', (glob, patterns) => {
  expect(globToPatterns(glob)).toEqual({ patterns });
});
