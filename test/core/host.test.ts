import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { formatAuthority, parseAuthority, splitHost } from '../../src/core/host.ts';

describe('splitting a host', () => {
  test.each<[host: string, name: string, port: string | undefined]>([
    ['get.acme.example', 'get.acme.example', undefined],
    ['GET.Acme.Example', 'get.acme.example', undefined],
    ['get.acme.example.', 'get.acme.example', undefined],
    ['get.acme.example:8080', 'get.acme.example', '8080'],
    ['get.acme.example.:8080', 'get.acme.example', '8080'],
    ['127.0.0.1:80', '127.0.0.1', '80'],
    ['[::1]', '[::1]', undefined],
    ['[::1]:8080', '[::1]', '8080'],
    ['[2001:DB8::1]', '[2001:db8::1]', undefined],
    ['', '', undefined],
  ])('%j', (host, name, port) => {
    expect(splitHost(host)).toEqual({ name, port });
  });
});

describe('reading a host', () => {
  test.each<[text: string, canonical: string]>([
    ['localhost', 'localhost'],
    ['ghcr.io', 'ghcr.io'],
    ['GHCR.io.', 'ghcr.io'],
    ['_dl.acme.example:1', '_dl.acme.example:1'],
    ['a-b.example:65535', 'a-b.example:65535'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['1.2.3.4', '1.2.3.4'],
    ['1and1.example', '1and1.example'],
    ['0x7f.example', '0x7f.example'],
    ['[::1]:5000', '[::1]:5000'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ])('%s is %s', (text, canonical) => {
    const authority = parseAuthority(text);
    expect(authority && formatAuthority(authority)).toBe(canonical);
  });

  test.each([
    ['', 'nothing'],
    ['.', 'a dot'],
    ['a..example', 'an empty label'],
    ['.example', 'an empty first label'],
    ['a.example..', 'two dots at the end'],
    ['-a.example', 'a hyphen first'],
    ['a-.example', 'a hyphen last'],
    ['a b.example', 'a space'],
    ['a/b', 'a slash'],
    ['a\\b', 'a backslash'],
    ['user@a.example', 'a user'],
    ['*.a.example', 'a wildcard'],
    ['bücher.example', 'a name that is not ASCII'],
    ['%61.example', 'percent-encoding'],
    ['a.example:', 'an empty port'],
    ['a.example:0', 'port 0'],
    ['a.example:65536', 'a port that is too high'],
    ['a.example:0443', 'a port with a zero in front'],
    ['a.example:8o', 'a port that is no number'],
    [`${'a'.repeat(64)}.example`, 'a label of 64 characters'],
    [`${'a.'.repeat(126)}ab`, 'a name of 254 characters'],
    // What the URL standard reads as another address, or as none.
    ['2130706433', 'an IPv4 address as a number'],
    ['0x7f.0.0.1', 'an IPv4 address in hexadecimal'],
    ['127.1', 'a short IPv4 address'],
    ['127.0.0.01', 'an IPv4 address in octal'],
    ['256.1.1.1', 'an IPv4 address out of range'],
    ['acme.example.1', 'a name that ends in a number'],
    ['[:::]', 'an IPv6 address that is none'],
    ['[::1', 'an IPv6 address that is not closed'],
    ['[::ffff:169.254.169.254]', 'an IPv6 address in another than its canonical form'],
    ['[0::1]', 'an IPv6 address with a zero too many'],
    ['::1', 'an IPv6 address without brackets'],
  ])('%s is no host: %s', (text) => {
    expect(parseAuthority(text)).toBeUndefined();
  });

  test('what is read, a URL parser leaves as it is', () => {
    const labels = [
      'a',
      'b-1',
      '0',
      '1',
      '0x1',
      '127',
      '256',
      '01',
      'xn--a',
      'xn--bcher-kva',
      '_a',
      '[::1]',
      '[::',
      '1]',
      'ff',
      ':',
      '.',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...labels), { maxLength: 5 }),
        fc.constantFrom('', '.', ':'),
        (parts, separator) => {
          const authority = parseAuthority(parts.join(separator));
          if (!authority) return;
          const origin = `http://${formatAuthority(authority)}`;
          expect(new URL(origin).origin.replace(/^http:/, '')).toBe(origin.replace(/^http:|:80$/g, ''));
        },
      ),
      { numRuns: 3000 },
    );
  });
});
