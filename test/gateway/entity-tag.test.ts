import { expect, test } from 'vitest';

import { createEntityTags } from '../../src/gateway/entity-tag.ts';

const tags = createEntityTags('https://npm.acme.dev https://npm.example');

test.each([['"abc"'], ['W/"abc"'], ['""'], ['"s"'], ['"a!#~/+="']])(
  'the tag %s comes back as it was',
  (tag) => {
    const shown = tags.toClient(tag) ?? '';
    expect(shown).toMatch(/^W\/"[\x21\x23-\x7e]*"$/);
    expect(tags.toUpstream(shown)).toBe(tag);
  },
);

test('strong and weak tags of one name stay apart', () => {
  expect(tags.toClient('"abc"')).not.toBe(tags.toClient('W/"abc"'));
});

test.each([['abc'], ['"'], ['']])('what is no tag (%j) is not shown', (tag) => {
  expect(tags.toClient(tag)).toBeUndefined();
});

test('another rewriting has other tags', () => {
  const other = createEntityTags('https://npm.acme.dev https://registry.example');
  expect(other.toClient('"abc"')).not.toBe(tags.toClient('"abc"'));
  expect(other.toUpstream(tags.toClient('"abc"') ?? '')).toBeUndefined();
});

test('of a list, the tags of this rewriting go to the upstream', () => {
  const [first, second] = [tags.toClient('"a,b"'), tags.toClient('W/"c"')];
  expect(tags.toUpstream(`"foreign", ${first} , W/"foreign",${second}`)).toBe('"a,b", W/"c"');
});

test.each([['*'], ['"foreign"'], ['W/"foreign", "x"'], ['garbage'], ['']])(
  'nothing of %j goes to the upstream',
  (field) => {
    expect(tags.toUpstream(field)).toBeUndefined();
  },
);
