import { describe, expect, test } from 'vitest';

import { isFieldValue, selectRequestFields, selectResponseFields, single } from '../../src/gateway/fields.ts';

describe('the fields of a request', () => {
  test('are those that an upstream needs', () => {
    const needed = {
      accept: 'application/json',
      'accept-encoding': 'gzip',
      'if-none-match': '"a"',
      range: 'bytes=0-1',
      'user-agent': 'npm/11',
    };
    expect(selectRequestFields(needed)).toEqual(needed);
  });

  test.each([
    'authorization',
    'cookie',
    'proxy-authorization',
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'keep-alive',
    'te',
    'trailer',
    'upgrade',
    'expect',
    'http2-settings',
    'proxy-connection',
    'forwarded',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-real-ip',
    'x-accel-redirect',
    'x-api-key',
    'npm-session',
  ])('never have %s', (name) => {
    expect(selectRequestFields({ [name]: 'secret', accept: '*/*' })).toEqual({ accept: '*/*' });
  });

  test.each([
    ['Range', 'close, Range'],
    ['range among others', 'accept,range ,  te'],
    ['in two fields', ['close', 'RANGE']],
  ])('lose what Connection names: %s', (_, connection) => {
    expect(selectRequestFields({ connection, range: 'bytes=0-1', 'user-agent': 'x' })).toEqual({
      'user-agent': 'x',
    });
  });

  test('of one name are joined', () => {
    expect(selectRequestFields({ accept: ['a/b', 'c/d'] })).toEqual({ accept: 'a/b, c/d' });
  });

  test('may be missing', () => {
    expect(selectRequestFields()).toEqual({});
  });
});

describe('the fields of an answer', () => {
  test.each([
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'alt-svc',
    'set-cookie',
    'strict-transport-security',
    'www-authenticate',
  ])('never have %s', (name) => {
    expect(selectResponseFields({ [name]: 'x', etag: '"a"' })).toEqual({ etag: '"a"' });
  });

  test('are otherwise the upstream’s own', () => {
    const own = {
      'content-type': 'application/gzip',
      'content-length': '12',
      'content-encoding': 'gzip',
      'docker-content-digest': 'sha256:1',
      'last-modified': 'Mon, 23 Nov 2026 10:00:00 GMT',
      'accept-ranges': 'bytes',
      'retry-after': '3',
      vary: 'accept',
    };
    expect(selectResponseFields(own)).toEqual(own);
  });

  test('lose what Connection names', () => {
    const headers = { connection: 'close, X-Internal', 'x-internal': '1', 'x-other': '2' };
    expect(selectResponseFields(headers)).toEqual({ 'x-other': '2' });
  });

  test('with bytes that runtimes spell differently are left out', () => {
    expect(selectResponseFields({ 'x-a': 'caf\u00e9', 'x-b': 'a\u0000b', 'x-c': 'tab\tand space' })).toEqual({
      'x-c': 'tab\tand space',
    });
  });
});

test.each([
  ['', true],
  ['a b\tc~', true],
  ['a\r\nb', false],
  ['a\u007f', false],
  ['\u00e9', false],
  ['\u2028', false],
])('whether %j may be the value of a field: %s', (value, expected) => {
  expect(isFieldValue(value)).toBe(expected);
});

test('a field that came several times is one', () => {
  expect([single(undefined), single('a'), single(['a', 'b'])]).toEqual([undefined, 'a', 'a, b']);
});
