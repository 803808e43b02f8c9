import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { editTarget, type TargetChange } from '../../src/rules/edit-target.ts';

const NEW = 'quay.io/acme/*image';

/** Puts the value of `to` into a file where nothing is as a printer of YAML would have it. */
const around = (to: string): string => `# Where it leads.
networks: {office: [ 192.0.2.0/24 ]}   # a list
rules:

    -   name: "other"   # not this one
        protocol:   file
        to: 'https://other.example/x'
    -   protocol: oci
        name: images # this one
        match:   acme/*image
        to:   ${to}
        mode:  auto     # the end

    # trailing
`;

const split = (old: string, part: number): string =>
  `[{ url: ${old}, weight: ${100 - part} }, { url: ${NEW}, weight: ${part} }]`;

describe('editing a target', () => {
  test.each<readonly [string, string, Omit<TargetChange, 'to'>, string]>([
    ['plain', 'ghcr.io   # the line', {}, `${NEW}   # the line`],
    ['in double quotes', '"ghcr.io"# no comment'.replace('#', ' #'), {}, `"${NEW}" # no comment`],
    ['in single quotes', "'ghcr.io' # c", {}, `'${NEW}' # c`],
    ['with an anchor that nobody uses', '&here ghcr.io # c', {}, `&here ${NEW} # c`],
    ['folded', '>- # c\n          ghcr.io\n\n', {}, `>- # c\n          ${NEW}\n\n`],
    ['literal', '|-\n          ghcr.io', {}, `|-\n          ${NEW}`],
    ['a block that ends in a line break', '| # c\n          ghcr.io', {}, `${NEW} # c`],
    ['on the next line', '\n          ghcr.io # c', {}, `\n          ${NEW} # c`],
    [
      'a mapping',
      '\n          url: ghcr.io # c\n          auth: client',
      {},
      `\n          url: ${NEW} # c\n          auth: client`,
    ],
    ['a mapping in braces', '{auth: client,url: "ghcr.io" } # c', {}, `{auth: client,url: "${NEW}" } # c`],
    ['a list of one', '[ghcr.io ]', {}, `[${NEW} ]`],
    [
      'one of a list',
      '\n        - a.example # first\n        - {url: b.example, probe: /x} # second\n        - c.example',
      { upstream: 2 },
      `\n        - a.example # first\n        - {url: ${NEW}, probe: /x} # second\n        - c.example`,
    ],
    ['split', 'ghcr.io/a # c', { percent: 10 }, `${split('ghcr.io/a', 10)} # c`],
    [
      'split in quotes',
      "'ghcr.io' # c",
      { percent: 1 },
      `${split("'ghcr.io'", 1).replace(NEW, `'${NEW}'`)} # c`,
    ],
    ['split with a variable', '${HOST} # c', { percent: 5 }, `${split('"${HOST}"', 5)} # c`],
    ['a block that is split', '>- # c\n          ghcr.io', { percent: 10 }, `${split('ghcr.io', 10)} # c`],
    [
      'a mapping in braces that is split',
      '{url: ghcr.io, auth: client} # c',
      { percent: 10 },
      `[{url: ghcr.io, auth: client, weight: 90}, { url: ${NEW}, weight: 10 }] # c`,
    ],
    [
      'a mapping in lines that is split',
      '\n          # where\n          url: "ghcr.io" # c\n\n          auth: # d\n            token: >-\n              abc\n              def\n          # end',
      { percent: 10 },
      `\n          # where\n          - url: "ghcr.io" # c\n\n            auth: # d\n              token: >-\n                abc\n                def\n            weight: 90\n          - url: "${NEW}"\n            weight: 10\n          # end`,
    ],
    ['a further step', `${split('ghcr.io', 10)} # c`, { percent: 50 }, `${split('ghcr.io', 50)} # c`],
    ['the last step', `${split('ghcr.io', 50)} # c`, { percent: 100 }, `${NEW} # c`],
    [
      'the last step, in quotes',
      `${split("'ghcr.io'", 50).replace(NEW, `'${NEW}'`)} # c`,
      {},
      `'${NEW}' # c`,
    ],
    [
      'the last step of a list in lines',
      `\n        - { url: a.example, weight: 90 } # old\n        - weight: 10 # part\n          url: https://${NEW}/ # new`,
      { percent: 100 },
      `\n        - { url: a.example, weight: 0 } # old\n        - weight: 100 # part\n          url: https://${NEW}/ # new`,
    ],
    [
      'the last step of an upstream with a credential',
      `[{ url: a.example, weight: 5 }, { url: ${NEW}, auth: client, weight: 95 }] # c`,
      {},
      `{ url: ${NEW}, auth: client } # c`,
    ],
    ['what leads there already', NEW, {}, NEW],
  ])('%s changes the value alone', (_, before, change, after) => {
    for (const [mark, end, last] of [
      ['', '\n', ''],
      ['\uFEFF', '\r\n', ''],
      ['', '\n', 'cut'],
    ] as const) {
      const make = (to: string): string => {
        const text = mark + around(to).replaceAll('\n', end);
        return last === '' ? text : text.slice(0, text.indexOf('        mode')).trimEnd();
      };
      expect(editTarget(make(before), 'images', { to: NEW, ...change }).text).toBe(make(after));
    }
  });

  test('goes through a split and back to the byte', () => {
    const first = around('ghcr.io/acme-inc/*image   # the line');
    const ten = editTarget(first, 'images', { to: NEW, percent: 10 });
    expect(ten).toMatchObject({ rule: 1, upstream: 1, line: 11 });
    const fifty = editTarget(ten.text, 'images', { to: `https://${NEW}`, percent: 50 });
    expect(parse(fifty.text).rules[1].to).toEqual([
      { url: 'ghcr.io/acme-inc/*image', weight: 50 },
      { url: NEW, weight: 50 },
    ]);
    expect(editTarget(fifty.text, 'images', { to: NEW }).text).toBe(around(`${NEW}   # the line`));
    expect(editTarget(fifty.text, 'images', { to: 'ghcr.io/acme-inc/*image' }).text).toBe(first);
  });

  test('tells the lines', () => {
    expect(editTarget(around('ghcr.io # c'), 'images', { to: NEW })).toMatchObject({
      line: 11,
      before: ['        to:   ghcr.io # c'],
      after: [`        to:   ${NEW} # c`],
    });
  });

  test.each([
    [
      'as it is indented',
      '{\n\t"rules": [\n\t\t{ "name": "a", "to" : "x.example",\r\n\t\t"at": "/" }\n\t]\n}',
    ],
    ['in one line', '{"rules":[{"to":"x.example","name":"a"}]}'],
  ])('keeps JSON %s', (_, text) => {
    const edited = editTarget(text, 'a', { to: 'y.example' }).text;
    expect(edited).toBe(text.replace('x.example', 'y.example'));
    const ten = editTarget(text, 'a', { to: 'y.example', percent: 10 }).text;
    expect(JSON.parse(ten).rules[0].to).toEqual([
      { url: 'x.example', weight: 90 },
      { url: 'y.example', weight: 10 },
    ]);
    expect(editTarget(ten, 'a', { to: 'y.example', percent: 100 }).text).toBe(edited);
  });

  test('writes an alias out, and leaves the others alone', () => {
    const text = 'rules:\n  - {name: b, to: &x x.example}\n  - name: a\n    to: *x # c\n';
    expect(editTarget(text, 'a', { to: NEW }).text).toBe(text.replace('*x', NEW));
    expect(() => editTarget(text, 'b', { to: NEW })).toThrow(
      /in line 2 cannot be changed without .* by an anchor/,
    );
    expect(editTarget(text, 'a', { to: 'y.example', percent: 10 }).text).toContain(
      'to: [{ url: x.example, weight: 90 }, { url: y.example, weight: 10 }] # c',
    );
  });

  test('puts in quotes what would be something else', () => {
    for (const to of ['*image', 'a: b', 'a #b', 'true', '', 'a, b'])
      expect(parse(editTarget('rules: [{name: a, to: x}]', 'a', { to }).text).rules[0].to).toBe(to);
  });

  test('finds a rule without a name by its number', () => {
    expect(editTarget('rules: [{to: x}, {to: y}]', 'rules[1]', { to: 'z' }).text).toBe(
      'rules: [{to: x}, {to: z}]',
    );
  });

  test.each<readonly [string, string, string, Omit<TargetChange, 'to'>, string]>([
    ['no such rule', around('x'), 'imags', {}, 'There is no rule `imags`; did you mean `images`?'],
    ['nothing alike', around('x'), 'zzzzzzzzzz', {}, 'there is `other`, `images`.'],
    ['no rules', 'rules: 1', 'images', {}, 'These are no rules of Turnout'],
    ['no value', 'rules: [{name: a}]', 'a', {}, 'it has no `to`'],
    [
      'an upstream without an address',
      'rules: [{name: a, to: {auth: client}}]',
      'a',
      {},
      'without an address',
    ],
    ['no YAML', 'rules: [', 'a', {}, 'The rules cannot be read'],
    [
      'several upstreams',
      around('[a.example, b.example]'),
      'images',
      {},
      'several upstreams; say with --upstream',
    ],
    [
      'a part of several',
      around('[a.example, b.example]'),
      'images',
      { percent: 10 },
      'write weights by hand',
    ],
    ['no such upstream', around('a.example'), 'images', { upstream: 2 }, 'has 1 upstreams, and no number 2'],
    [
      'an upstream and a part',
      around('a.example'),
      'images',
      { upstream: 1, percent: 10 },
      'Say either which',
    ],
    [
      'one upstream with a weight',
      around('{url: a, weight: 1}'),
      'images',
      { percent: 9 },
      'cannot be split as it is',
    ],
    [
      'a split of three',
      around(`[{url: a, weight: 1}, {url: b, weight: 1}, {url: ${NEW}, weight: 1}]`),
      'images',
      { percent: 9 },
      'no split of two',
    ],
  ])('refuses %s', (_, text, rule, change, message) => {
    expect(() => editTarget(text, rule, { to: NEW, ...change })).toThrow(message);
  });
});

describe('in any rule file', () => {
  const word = fc.stringMatching(/^[a-z][a-z\d]{0,8}$/);
  const address = fc
    .tuple(
      fc.constantFrom('', 'https://', 'http://'),
      word,
      fc.array(fc.oneof(word, fc.constantFrom('*rest', ':v', "it's")), { maxLength: 3 }),
    )
    .map(([scheme, host, path]) => [`${scheme}${host}.example`, ...path].join('/'));
  const quote = fc.constantFrom<(text: string) => string>(
    (text) => text,
    (text) => `"${text}"`,
    (text) => `'${text.replaceAll("'", "''")}'`,
  );
  const comment = fc.constantFrom('', ' # to: nothing', '   # "quoted" \'so\'', ' #');
  const blank = fc.constantFrom('', '\n', '\n  # - name: x\n', '\n\n');
  const rule = fc.record({
    old: address,
    quote,
    comment,
    blank,
    before: fc.constantFrom(
      '',
      "match: 'x: y'",
      'options: {a: [1, "b"]}',
      'notice: >-\n      to: me\n\n      again',
    ),
    form: fc.constantFrom<(value: string) => string>(
      (value) => `to: ${value}`,
      (value) => `to:    ${value}`,
      (value) => `"to": ${value}`,
      (value) => `to:\n      url:  ${value}`,
      (value) => `to:\n    - ${value}`,
      (value) => `to:\n      - url: ${value}`,
      (value) => `to: { url: ${value} }`,
    ),
  });

  test('the edit changes the bytes of the value, and what one `to` stands for', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        address,
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        (rules, number, to, end, isCut) => {
          const chosen = number % rules.length;
          const write = (value: string | undefined): string => {
            const text = `rules:\n${rules
              .map(({ old, quote, comment, blank, before, form }, order) => {
                const target = order === chosen && value !== undefined ? value : old;
                return `  - name: r${order}${comment}\n${before && `    ${before}\n`}    ${form(quote(target))}${comment}\n${blank}`;
              })
              .join('')}`;
            return (isCut ? text.trimEnd() : text).replaceAll('\n', end);
          };
          const text = write(undefined);
          const edited = editTarget(text, `r${chosen}`, { to, upstream: 1 });
          expect(edited.text).toBe(write(to));
          const [before, after] = [parse(text), parse(edited.text)];
          after.rules[chosen].to = before.rules[chosen].to;
          expect(after).toEqual(before);
        },
      ),
    );
  });
});
