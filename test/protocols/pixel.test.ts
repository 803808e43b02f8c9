import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';

import { type PixelImage, pixel } from '../../src/protocols/pixel.ts';
import { send } from './events.ts';
import { type ProtocolCase, testProtocol } from './test-protocol.ts';

const image = (title: string, query?: string): ProtocolCase<PixelImage> => ({
  title,
  path: '/a.png',
  ...(query !== undefined && { query }),
  resource: query === undefined ? { type: 'image' } : { type: 'image', query },
});
const id = '55057c42-7e5c-4f06-b3c5-8745e7e0a06f';

testProtocol(pixel, [
  image('a pixel', `x-pxid=${id}`),
  image('a pixel with a page', `page=a%2Fb&x-pxid=${id}`),
  image('no pixel in particular'),
  { title: 'another image', path: '/b.png', resource: undefined },
  { title: 'something below', path: '/a.png/x', resource: undefined },
  { title: 'an upload', method: 'POST', path: '/a.png', resource: undefined },
]);

test.each([
  [`x-pxid=${id}`, id],
  [`a=b&x-pxid=${id}&x-pxid=other`, id],
  ['x-pxid=', undefined],
  ['x-pxid=a%2Fb', undefined],
  ['pxid=1', undefined],
])('%s is the pixel %s', (query, subject) => {
  expect(pixel.subject({ type: 'image', query })).toBe(subject);
});

test('the image is one transparent dot, which no cache keeps', async () => {
  const { status, answer } = await send(pixel, { method: 'GET', path: '/a.png' });
  expect([status, answer.encoding]).toEqual([200, 'base64']);
  expect(answer.headers).toMatchObject({
    'content-type': 'image/png',
    'cache-control': expect.stringContaining('no-store'),
  });
  const bytes = Buffer.from(answer.body, 'base64');
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));
  expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[25]]).toEqual([1, 1, 6]);
  const at = bytes.indexOf('IDAT');
  expect([...inflateSync(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)))]).toEqual([
    0, 0, 0, 0, 0,
  ]);
});

test('a view is reported, with the page and what shows it, and without an address', async () => {
  const query = `page=docs&x-pxid=${id}&$remote_address=192.0.2.1`;
  const headers = { referer: 'https://docs.acme.example/', 'user-agent': 'curl/8' };
  const { reports } = await send(pixel, { method: 'GET', path: '/a.png', query, headers });
  const data = { page: 'docs', pixel: id, referrer: 'https://docs.acme.example/', userAgent: 'curl/8' };
  expect(reports).toEqual([{ type: 'pixel', data }]);
  expect((await send(pixel, { method: 'GET', path: '/a.png' })).reports).toEqual([
    { type: 'pixel', data: { pixel: '' } },
  ]);
});

test.each([
  ['GET', { dnt: '1' }],
  ['GET', { 'sec-gpc': '1' }],
  ['HEAD', {}],
])('%s with %j is no view', async (method, headers) => {
  const { status, reports } = await send(pixel, { method, path: '/a.png', headers });
  expect([status, reports]).toEqual([200, []]);
});
