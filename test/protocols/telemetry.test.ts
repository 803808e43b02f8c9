import { describe, expect, test } from 'vitest';

import { type TelemetryEvents, telemetry } from '../../src/protocols/telemetry.ts';
import { send } from './events.ts';
import { contextOf, type ProtocolCase, showDelivery, testProtocol } from './test-protocol.ts';

const events = (title: string, path: string, query?: string): ProtocolCase<TelemetryEvents> => ({
  title,
  method: 'POST',
  path,
  ...(query !== undefined && { query }),
  resource: query === undefined ? { type: 'events', path } : { type: 'events', path, query },
});

testProtocol(telemetry, [
  events('events', '/events'),
  events('events with variables', '/v/1.2/events', 'os=linux&ci='),
  events('the root', '/'),
  events('escapes', '/a%2Fb+c~/%C3%A9'),
  { title: 'a question', path: '/events', resource: undefined },
  { title: 'a file', method: 'PUT', path: '/events', resource: undefined },
  { title: 'no path', method: 'POST', path: '*', resource: undefined },
]);

test('events are taken here', () => {
  const resource: TelemetryEvents = { type: 'events', path: '/events' };
  expect(showDelivery(telemetry.deliver(resource, contextOf('proxy', undefined)))).toBe('carried');
});

describe('a body', () => {
  test.each<[title: string, body: string, events: readonly unknown[], query?: string]>([
    ['of one event', '{"x": "Hello"}', [{ x: 'Hello' }]],
    ['of several', '{"x":1}{"y":"}{"} \n\t{"z":null}', [{ x: 1 }, { y: '}{' }, { z: null }]],
    ['of lines', '{"x":1}\n{"y":"a\\"\\\\"}\r\n\n', [{ x: 1 }, { y: 'a"\\' }]],
    ['of a list', '[{"x":1},{"x":2}]', [{ x: 1 }, { x: 2 }]],
    ['of nothing', ' \n', []],
    ['of an empty list', '[]', []],
    [
      'with levels',
      '{"a":{"b":{"c":1},"d":[true,{"e":2}]},"f":{}}',
      [{ 'a.b.c': 1, 'a.d.0': true, 'a.d.1.e': 2 }],
    ],
    [
      'behind what the query says',
      '{"os":"mac"}',
      [{ os: 'mac', v: '1 2', w: 'first' }],
      'os=linux&v=1+2&w=first&w=x&=n',
    ],
    [
      'with an address, which is not kept',
      '{"$remote_address":"192.0.2.1","a":1}',
      [{ a: 1 }],
      '$remote_address=192.0.2.1',
    ],
    [
      'with an address in another form or place, which is not kept either',
      '{"$remote_address":{"ip":"192.0.2.1"},"client":{"$remote_address":"192.0.2.1","os":"linux"}}',
      [{ 'client.os': 'linux' }],
    ],
    [
      'with hostile names',
      '{"__proto__":{"x":1},"constructor":2}',
      [JSON.parse('{"__proto__.x":1,"constructor":2}')],
    ],
  ])('%s is reported', async (_, body, data, query) => {
    const { status, reports } = await send(telemetry, {
      path: '/e',
      body,
      ...(query !== undefined && { query }),
    });
    expect(status).toBe(200);
    expect(reports).toEqual(data.map((each) => ({ type: 'telemetry', data: each })));
  });

  test.each<[title: string, body: string, message: string]>([
    ['that is cut off', '{"x":1}\n{"y":', 'Event 2 is not JSON.'],
    ['that is cut off in a text', '{"x":"1', 'Event 1 is not JSON.'],
    ['with something between', '{"x":1},{"y":2}', 'Event 2 is not JSON.'],
    ['that is no object', '"x"', 'Event 1 is not a JSON object.'],
    ['of a list with something else', '[{"x":1},2]', 'Event 2 is not a JSON object.'],
    ['that is a form', 'a=b', 'Event 1 is not JSON.'],
    [
      'that is deep',
      `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`,
      'Event 1 is nested more than 32 levels deep.',
    ],
  ])('%s is refused whole', async (_, body, message) => {
    const { status, answer, reports } = await send(telemetry, { path: '/e', body });
    expect([status, answer.body, reports]).toEqual([400, `${message}\n`, []]);
  });

  test.each<[options: Readonly<Record<string, unknown>>, body: string, message: string]>([
    [{ maxBytes: 10 }, '{"x":"123456"}', 'A body has at most 10 bytes here.'],
    [{ maxBytes: 13 }, '{"x":"ééé"}x', 'A body has at most 13 bytes here.'],
    [{ maxEvents: 1 }, '{}{}', 'A request has at most 1 event here.'],
    [{ maxEvents: 2 }, '[{},{},{}]', 'A request has at most 2 events here.'],
    [{}, `{"x":"${'a'.repeat(70_000)}"}`, 'A body has at most 65536 bytes here.'],
    [{}, `{"x":"${'a'.repeat(1_100_000)}"}`, 'A body has at most 65536 bytes here.'],
    [{}, '{}'.repeat(101), 'A request has at most 100 events here.'],
  ])('with %j that is more than that is refused', async (options, body, message) => {
    const { status, answer, reports } = await send(telemetry, { path: '/e', body, options });
    expect([status, answer.body, reports]).toEqual([413, `${message}\n`, []]);
  });

  test('that says that it is too long is not read', async () => {
    const headers = { 'content-length': '65537' };
    expect((await send(telemetry, { path: '/e', body: '{}', headers })).status).toBe(413);
  });
});

describe('a token', () => {
  const tokens = ['12345abcde', 'x'];
  test.each<[authorization: string | undefined, status: number]>([
    ['Bearer 12345abcde', 200],
    ['bearer   x', 200],
    ['Bearer 12345abcdef', 401],
    ['Bearer 12345abcd', 401],
    ['Bearer xx', 401],
    ['Bearer 98765cba', 401],
    ['Bearer ', 401],
    ['Basic 12345abcde', 401],
    ['12345abcde', 401],
    [undefined, 401],
  ])('in `%s` gives %i', async (authorization, status) => {
    const headers = authorization === undefined ? {} : { authorization };
    const came = await send(telemetry, { path: '/e', body: '{"x":1}', headers, options: { tokens } });
    expect([came.status, came.reports.length]).toEqual([status, status === 200 ? 1 : 0]);
    if (status === 401) expect(came.answer.headers['www-authenticate']).toBe('Bearer');
  });

  test('that nobody has lets nobody in', async () => {
    const headers = { authorization: 'Bearer x' };
    expect((await send(telemetry, { path: '/e', headers, options: { tokens: [] } })).status).toBe(401);
  });
});

test.each(['dnt', 'sec-gpc'])('who sends %s is answered and not counted', async (name) => {
  const { status, reports } = await send(telemetry, { path: '/e', body: '{}', headers: { [name]: '1' } });
  expect([status, reports]).toEqual([200, []]);
  expect((await send(telemetry, { path: '/e', body: '{}', headers: { [name]: '0' } })).reports).toHaveLength(
    1,
  );
});
