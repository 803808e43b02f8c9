import { afterEach, expect, test, vi } from 'vitest';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import type { GuardTrip } from '../../src/gateway/guard.ts';
import { file } from '../../src/protocols/file.ts';
import { oci } from '../../src/protocols/oci.ts';
import { ask } from './client.ts';
import { serve } from './serving.ts';
import { startUpstream } from './upstream.ts';

afterEach(() => {
  vi.useRealTimers();
});

async function startSaying(status: number) {
  return (await startUpstream((_, response) => void response.writeHead(status).end())).origin;
}

/** Serves two upstreams with a share each, and tells where a client is led. */
async function start(
  protocol: typeof oci | typeof file,
  statuses: readonly number[],
  config: RuleConfig = {},
) {
  const origins = await Promise.all(statuses.map(startSaying));
  const trips: GuardTrip[] = [];
  const to = origins.map((url) => ({ url, weight: 1 }));
  const { origin } = await serve([rule(protocol as typeof oci, { name: 'r', to, ...config })], {
    trustProxy: true,
    onGuardTrip: (trip) => void trips.push(trip),
  });
  const get = (path: string, client = 1) =>
    ask(origin, path, { headers: { 'x-forwarded-for': `192.0.2.${client}` } });
  return { origins, trips, get };
}

test('a share that fares worse than the others is given up, until the rules are loaded anew', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { origins, trips, get } = await start(oci, [200, 500]);
  for (let name = 0; name < 40; name++) {
    expect(await get(`/v2/app${name}/manifests/1`)).toMatchObject({ status: 200 });
    vi.setSystemTime(Date.now() + 2000);
  }
  expect(trips).toEqual([{ rule: 'r', origin: origins[1], asked: 5, failed: 5 }]);
});

test('where all fare alike, nobody loses a share', async () => {
  const { trips, get } = await start(oci, [500, 500]);
  for (let name = 0; name < 40; name++) await get(`/v2/app${name}/manifests/1`);
  expect(trips).toEqual([]);
});

test('failures that are long past do not count', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { trips, get } = await start(oci, [200, 404]);
  const failing = await start(oci, [200, 500]);
  for (let name = 0; name < 40; name++) {
    await failing.get(`/v2/app${name}/manifests/1`);
    await get(`/v2/app${name}/manifests/1`);
    vi.setSystemTime(Date.now() + 400_000);
  }
  // An absence is no failure, and of what failed there was never enough in five minutes.
  expect([...trips, ...failing.trips]).toEqual([]);
});

test('a client that asks again and again for what it was redirected to did not get it', async () => {
  const { origins, trips, get } = await start(file, [200, 200]);
  const led = new Map<number, string | undefined>();
  for (let client = 1; client <= 60; client++)
    led.set(client, new URL(String((await get(`/a${client}`, client)).headers.location)).origin);
  for (let client = 1; client <= 60; client++) {
    if (led.get(client) !== origins[1]) continue;
    for (let again = 0; again < 3; again++) await get(`/a${client}`, client);
  }
  expect(trips).toEqual([
    { rule: 'r', origin: origins[1], asked: expect.any(Number), failed: expect.any(Number) },
  ]);
  for (let client = 1; client <= 60; client++)
    expect((await get(`/b${client}`, client)).headers.location).toBe(`${origins[0]}/b${client}`);
});

test('a client that asks for nothing more of an image did not get its manifest', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { origins, trips, get } = await start(oci, [200, 200], { mode: 'redirect' });
  const digest = `sha256:${'a'.repeat(64)}`;
  for (let client = 1; client <= 40; client++) {
    const { headers } = await get('/v2/app/manifests/1', client);
    if (String(headers.location).startsWith(`${origins[0]}/`)) await get(`/v2/app/blobs/${digest}`, client);
    vi.setSystemTime(Date.now() + 5000);
  }
  expect(trips).toMatchObject([{ rule: 'r', origin: origins[1] }]);
});

test('without shares nothing is held back', async () => {
  const origins = await Promise.all([startSaying(500), startSaying(200)]);
  const trips: GuardTrip[] = [];
  const { origin } = await serve([rule(oci, { to: origins })], {
    onGuardTrip: (trip) => void trips.push(trip),
  });
  for (let name = 0; name < 20; name++) await ask(origin, `/v2/app${name}/manifests/1`);
  expect(trips).toEqual([]);
});
