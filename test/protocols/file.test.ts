import { describe, expect, test } from 'vitest';

import { file } from '../../src/protocols/file.ts';
import { contextOf, showDelivery, testProtocol, upstreamOf } from './test-protocol.ts';

testProtocol(file, [
  {
    title: 'a file',
    path: '/cli/v1.2.3/acme-linux.tar.gz',
    resource: { type: 'file', path: '/cli/v1.2.3/acme-linux.tar.gz' },
  },
  { title: 'a file by HEAD', method: 'HEAD', path: '/a', resource: { type: 'file', path: '/a' } },
  {
    title: 'a file with a query',
    path: '/dl',
    query: 'os=linux&v=1',
    resource: { type: 'file', path: '/dl', query: 'os=linux&v=1' },
  },
  { title: 'an empty query', path: '/dl', query: '', canonical: '/dl?', resource: { type: 'file', path: '/dl', query: '' } },
  { title: 'the root', path: '/', resource: { type: 'file', path: '/' } },
  { title: 'empty segments', path: '//a//', resource: { type: 'file', path: '//a//' } },
  {
    title: 'escapes, as they are',
    path: '/%2F%C3%A9%2e.',
    resource: { type: 'file', path: '/%2F%C3%A9%2e.' },
  },
  { title: 'capitals, as they are', path: '/PUBLIC/x', resource: { type: 'file', path: '/PUBLIC/x' } },
  {
    title: 'a write',
    method: 'PUT',
    path: '/a',
    query: 'x=1',
    canonical: '/a',
    resource: { type: 'write', path: '/a' },
  },
  { title: 'a form', method: 'POST', path: '/a', resource: { type: 'write', path: '/a' } },
  { title: 'a method in lower case', method: 'get', path: '/a', resource: { type: 'write', path: '/a' } },
  { title: 'no path', path: '*', resource: undefined },
  { title: 'nothing', path: '', resource: undefined },
]);

describe('a file is delivered', () => {
  test.each(['auto', 'redirect', 'proxy'] as const)(
    'by 302, which every client follows, if the rule lets it: %s',
    (mode) => {
      expect(
        showDelivery(
          file.deliver({ type: 'file', path: '/a' }, contextOf(mode, upstreamOf('https://cdn.example'))),
        ),
      ).toBe('302');
    },
  );

  test('and never written', () => {
    expect(file.deliver({ type: 'write', path: '/a' }, contextOf('auto', undefined))).toEqual({
      type: 'respond',
      answer: {
        status: 405,
        headers: { 'content-type': 'text/plain; charset=utf-8', allow: 'GET, HEAD' },
        body: 'Files are only read here.\n',
      },
    });
  });
});

test('a rule is tried with curl, in quotes', () => {
  expect(file.usage('/cli?os=<os>', 'https://get.acme.example')).toBe(
    "curl -fLO 'https://get.acme.example/cli?os=<os>'",
  );
});
