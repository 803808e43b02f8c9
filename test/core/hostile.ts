import fc from 'fast-check';

/** Pieces of paths that attacks are made of, between harmless ones. */
const PIECES = [
  ...['/', '/', '/', '/', '//', 'a', 'acme', 'v2', 'x.tgz', '-', '1.0', '@acme', ':', '.', '..'],
  ...[
    '%2e',
    '%2E%2e',
    '%2f',
    '%2F',
    '%5c',
    '%25',
    '%252e',
    '%00',
    '%0d%0a',
    '%7f',
    '%',
    '%zz',
    '%c0%ae',
    '%23',
    '%3f',
    '%40',
  ],
  ...[
    '\\',
    '\t',
    '\r\n',
    '\0',
    ' ',
    '"',
    '<',
    '^',
    '`',
    '{',
    '}',
    '|',
    '[',
    ']',
    '?',
    '#',
    'é',
    '\ud800',
    '😀',
  ],
  ...[
    'evil.example',
    '@evil.example',
    'https:',
    'javascript:',
    '//evil.example',
    ';',
    '&',
    '=',
    '+',
    "'",
    '(',
    '*',
    '~',
    '$',
    '__proto__',
  ],
];
/** Those that a request may have. */
const ALLOWED = PIECES.filter(
  (piece) => /^(?:[\w\-.~!$&'()*+,;=:@/[\]|]|%[\da-f]{2})*$/i.test(piece) && !/%(?:00|0d|7f)/.test(piece),
);

const join = (pieces: readonly string[]) =>
  fc.array(fc.constantFrom(...pieces), { maxLength: 10 }).map((parts) => parts.join(''));

/** Paths: some that pass, some that do not. */
export const hostilePath: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: join(ALLOWED).map((path) => `/${path}`) },
  { weight: 1, arbitrary: join(PIECES) },
);

/** Queries: some that pass, some that do not. */
export const hostileQuery: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 3,
    arbitrary: join([...ALLOWED, '\\', '"', '<', '^', '{', '%zz', '?', '&', '=', 'file=', '&v=']),
  },
  { weight: 1, arbitrary: join(PIECES) },
);

/** Values of any field. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  join(PIECES),
  fc.string(),
  fc.string({ unit: 'binary' }),
);
