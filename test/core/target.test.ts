import { describe, expect, test } from 'vitest';

import type { IssueCode } from '../../src/core/errors.ts';
import { parseTemplate } from '../../src/core/path.ts';
import { expand, listRequired, parseTarget } from '../../src/core/target.ts';

describe('an address', () => {
  test.each<[text: string, origin: string, path: string, query: string]>([
    ['ghcr.io', 'https://ghcr.io', '', ''],
    ['ghcr.io/', 'https://ghcr.io', '', ''],
    ['ghcr.io//', 'https://ghcr.io', '', ''],
    ['GHCR.IO./acme', 'https://ghcr.io', '/acme', ''],
    ['https://ghcr.io/acme/*image', 'https://ghcr.io', '/acme/*image', ''],
    ['HTTP://localhost:5000/x', 'http://localhost:5000', '/x', ''],
    ['http://cdn.example:80', 'http://cdn.example', '', ''],
    ['https://cdn.example:443', 'https://cdn.example', '', ''],
    ['https://cdn.example:80', 'https://cdn.example:80', '', ''],
    ['localhost:5000', 'https://localhost:5000', '', ''],
    ['http://[::1]:5000/x', 'http://[::1]:5000', '/x', ''],
    ['https://127.0.0.1', 'https://127.0.0.1', '', ''],
    ['https://cdn.example/a/', 'https://cdn.example', '/a/', ''],
    ['https://cdn.example/:a/?b=:b&c=1', 'https://cdn.example', '/:a/', 'b=:b&c=1'],
    ['cdn.example?b=1', 'https://cdn.example', '', 'b=1'],
    ['https://cdn.example/@acme/x', 'https://cdn.example', '/@acme/x', ''],
    ['https://cdn.example//evil.example', 'https://cdn.example', '//evil.example', ''],
    ['https://cdn.example/https\\://evil.example', 'https://cdn.example', '/https\\://evil.example', ''],
    // In a query the syntax of patterns holds too, but for `?`.
    ['https://cdn.example/a?b=c/../d', 'https://cdn.example', '/a', 'b=c/../d'],
  ])('%s', (text, origin, path, query) => {
    expect(parseTarget(text)).toEqual({
      ...(/\w\/+$/.test(text) && path === '' && { root: true }),
      origin,
      host: origin.slice(origin.indexOf('//') + 2),
      path: parseTemplate(path),
      query: parseTemplate(query),
    });
  });

  test('what a path never has raw is encoded, line breaks too', () => {
    const address = parseTarget('https://cdn.example/é b\r\nSet-Cookie\\: x?y=ü');
    expect(address).toMatchObject({
      path: [{ type: 'text', value: '/%C3%A9%20b%0D%0ASet-Cookie:%20x' }],
      query: [{ type: 'text', value: 'y=%C3%BC' }],
    });
  });

  test.each<[text: string, code: IssueCode, message: string]>([
    ['', 'invalid_target', 'There is no host in this address'],
    ['/acme', 'invalid_target', 'There is no host in this address'],
    ['//evil.example', 'invalid_target', 'There is no host in this address'],
    ['https://', 'invalid_target', 'There is no host in this address'],
    ['https:///acme', 'invalid_target', 'There is no host in this address'],
    ['ftp://cdn.example', 'invalid_target', '`ftp:` is not a scheme that clients download from'],
    ['gopher://127.0.0.1:6379/_x', 'invalid_target', '`gopher:` is not a scheme'],
    ['FILE:///etc/passwd', 'invalid_target', '`file:` is not a scheme'],
    ['https:/cdn.example', 'invalid_target', '`https:` is not a host'],
    ['https://cdn.example/a#b', 'invalid_target', 'An address has no fragment'],
    ['https://cdn.example#b', 'invalid_target', 'An address has no fragment'],
    ['https://cdn .example', 'invalid_target', '`cdn .example` is not a host'],
    ['https://cdn.example\\evil', 'invalid_target', 'is not a host'],
    ['https://bücher.example', 'invalid_target', 'is not a host'],
    ['https://cdn.example:70000', 'invalid_target', 'is not a host'],
    ['https://2130706433', 'invalid_target', 'is not a host'],
    ['https://0x7f.1', 'invalid_target', 'is not a host'],
    ['https://[::ffff:a9fe:a9fe:0]:/', 'invalid_target', 'is not a host'],
    [
      'https://cdn.example/(a)',
      'invalid_target',
      'This is not a template: `(` has a meaning of its own here; write `\\(`',
    ],
    ['https://cdn.example/a+b', 'invalid_target', 'write `\\+`'],
    ['https://cdn.example/:', 'invalid_target', 'Missing parameter name'],
    ['https://cdn.example/{a', 'invalid_target', 'Unexpected end'],
    ['https://cdn.example/a?b?c', 'invalid_target', 'write `\\?`'],
    ['https://cdn.example/a/../b', 'invalid_target', 'An address has no dot segments'],
    ['https://cdn.example/a/..', 'invalid_target', 'An address has no dot segments'],
    ['https://cdn.example/:a/%2e/b', 'invalid_target', 'An address has no dot segments'],
    [
      'https://user:secret@cdn.example',
      'credentials_in_url',
      'An address has no credentials; write them under `auth:`',
    ],
    ['https://token@cdn.example/x', 'credentials_in_url', '`auth:`'],
    ['https://good.example\\@evil.example', 'credentials_in_url', '`auth:`'],
    ['https://:host/x', 'variable_in_authority', 'cannot come from a request'],
    ['https://*host/x', 'variable_in_authority', 'cannot come from a request'],
    ['https://:sub.cdn.example', 'variable_in_authority', 'cannot come from a request'],
    ['https://cdn.example::port/x', 'variable_in_authority', 'cannot come from a request'],
    ['https://{eu.}cdn.example/x', 'variable_in_authority', 'cannot come from a request'],
    ['https://{1}.example/', 'variable_in_authority', 'cannot come from a request'],
    ['https://${HOST}/x', 'variable_in_authority', 'cannot come from a request'],
    ['cdn.example{/:a}', 'variable_in_authority', 'cannot come from a request'],
    ['javascript:alert(1)', 'variable_in_authority', 'cannot come from a request'],
    [':"a"/x', 'variable_in_authority', 'cannot come from a request'],
  ])('%s is none: %s', (text, code, message) => {
    expect(parseTarget(text)).toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe('filling a template', () => {
  const params = { a: '1', b: 'x/y' };
  test.each<[template: string, filled: string]>([
    ['/a', '/a'],
    ['/:a/*b', '/1/x/y'],
    ['/:a{-:c}', '/1'],
    ['/:a{-:b}', '/1-x/y'],
    ['{/:a{/:c}}', '/1'],
    ['{/:c{/:a}}', ''],
    ['/x{/y}', '/x/y'],
    // Properties that every object has are no values.
    ['/x{/:constructor}{/:toString}', '/x'],
    ['/x/:valueOf', '/x/'],
  ])('%s', (template, filled) => {
    expect(expand(parseTemplate(template), params, (value) => value)).toBe(filled);
  });

  test('every value is encoded, and told by name', () => {
    expect(expand(parseTemplate('/:a-*b'), params, (value, name) => `[${name}=${value}]`)).toBe(
      '/[a=1]-[b=x/y]',
    );
  });

  test('a value is not a template', () => {
    expect(expand(parseTemplate('/:a'), { a: ':b{*c}' }, (value) => value)).toBe('/:b{*c}');
  });
});

test('a template needs the variables that are in no group', () => {
  expect(listRequired(parseTemplate('/:a{/:b}-*c{:d}'))).toEqual(['a', 'c']);
});
