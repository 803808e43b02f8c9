import { expect, test } from 'vitest';

import { type InstallResource, installs } from '../../src/protocols/installs.ts';
import { send } from './events.ts';
import { contextOf, type ProtocolCase, showDelivery, testProtocol } from './test-protocol.ts';

const install = (title: string, path: string, name?: string): ProtocolCase<InstallResource> => ({
  title,
  method: 'POST',
  path,
  resource: name === undefined ? { type: 'install' } : { type: 'install', package: name },
});

testProtocol(installs, [
  install('an install', '/package-event/install'),
  install('an install of a package', '/package-event/install/8717953c-3452', '8717953c-3452'),
  { title: 'a question', path: '/package-event/install/a', resource: { type: 'question', package: 'a' } },
  { title: 'a removal', method: 'POST', path: '/package-event/remove', resource: undefined },
  { title: 'something below', method: 'POST', path: '/package-event/install/a/b', resource: undefined },
  { title: 'an escape', method: 'POST', path: '/package-event/install/a%2Fb', resource: undefined },
]);

test('another method is told which one is meant', () => {
  const delivery = installs.deliver({ type: 'question' }, contextOf('auto', undefined));
  expect(showDelivery(delivery)).toBe('405 answered');
});

const body = JSON.stringify({
  libraryType: 'npm',
  rawPlatform: 'osx',
  dependencyInfo: { parent: { name: 'a' }, scarf: { name: 'b' } },
});
const data = {
  libraryType: 'npm',
  rawPlatform: 'osx',
  'dependencyInfo.parent.name': 'a',
  'dependencyInfo.scarf.name': 'b',
};

test('an install is reported', async () => {
  const { status, answer, reports } = await send(installs, { path: '/package-event/install', body });
  expect([status, answer.headers['content-type'], answer.body]).toEqual([200, 'application/json', '{}']);
  expect(reports).toEqual([{ type: 'install', data }]);
});

test('the package of the address counts, whatever the body says', async () => {
  const sent = { path: '/package-event/install/id-1', body: body.replace('{', '{"package":"other",') };
  expect((await send(installs, sent)).reports).toEqual([
    { type: 'install', data: { ...data, package: 'id-1' } },
  ]);
});

test.each<[body: string, status: number, message: string]>([
  ['', 400, 'Send a JSON object.'],
  ['{', 400, 'Event 1 is not JSON.'],
  ['{}{}', 413, 'A request has at most 1 event here.'],
  ['"x"', 400, 'Event 1 is not a JSON object.'],
])('`%s` is refused with %i: %s', async (text, status, message) => {
  const { answer, reports } = await send(installs, { path: '/package-event/install', body: text });
  expect([answer.status, answer.body, reports]).toEqual([status, `${message}\n`, []]);
});

test('who asks not to be counted is not', async () => {
  expect(
    (await send(installs, { path: '/package-event/install', body, headers: { dnt: '1' } })).reports,
  ).toEqual([]);
});
