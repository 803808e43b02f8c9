import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { ask, type HttpAnswer } from './lab/http-client.ts';
import { type Expected, faults, htmlPage, printedFaults, tokenFaults } from './oci-fault-cases.ts';
import { clientNames, type OciLab, openOciLab } from './oci-lab.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { acceptManifests } from './upstreams/descriptor.ts';
import { type FaultyRegistry, startFaultyRegistry } from './upstreams/faulty-registry.ts';

// What clients get when a registry or its token server is out of order: an error that they print, and when to come again.

const cleanup = createCleanup();
let registry: FaultyRegistry;
let turnout: Turnout;

beforeAll(async () => {
  registry = await cleanup.use(startFaultyRegistry());
  turnout = await cleanup.use(
    startTurnout(`rules:\n  - { protocol: oci, match: acme/*image, to: ${registry.origin}/acme/*image }\n`),
  );
});
afterAll(() => cleanup.run());

const digest = `sha256:${'1'.repeat(64)}`;
const resources = [
  { what: 'a manifest', method: 'GET', path: '/v2/acme/app/manifests/v1' },
  { what: 'HEAD of a manifest', method: 'HEAD', path: '/v2/acme/app/manifests/v1' },
  { what: 'a blob', method: 'GET', path: `/v2/acme/app/blobs/${digest}` },
  { what: 'the tags', method: 'GET', path: '/v2/acme/app/tags/list' },
  { what: 'the referrers', method: 'GET', path: `/v2/acme/app/referrers/${digest}` },
] as const;

describe.each(resources)('asked for $what', ({ method, path }) => {
  const get = (): Promise<HttpAnswer> => ask(turnout.origin, path, { method, headers: acceptManifests });

  for (const { title, fault, expected } of faults) {
    test(`when the registry answers ${title}`, async () => {
      registry.fail(fault);
      expectError(await get(), method, expected);
    });
  }

  for (const { title, fault, expected } of tokenFaults) {
    test(`when the token server ${title}`, async () => {
      registry.failAtTokens(fault);
      expectError(await get(), method, expected);
    });
  }
});

describe('every client says what is the matter', () => {
  let lab: OciLab;
  beforeAll(async () => {
    lab = await openOciLab(cleanup);
  });

  for (const { title, fault, says } of printedFaults) {
    test(`when ${title}`, async () => {
      registry.fail(fault);
      await expectEveryClientSays(says);
    });
  }

  test('when the token server answers HTML', async () => {
    registry.failAtTokens(htmlPage);
    await expectEveryClientSays(/502|no usable answer/);
  });

  async function expectEveryClientSays(text: RegExp): Promise<void> {
    const reference = `${turnout.authority}/acme/app:v1`;
    const pulls = await Promise.all(clientNames.map((name) => lab.clients[name].pull(reference)));
    for (const { ok, output } of pulls) {
      expect(ok).toBe(false);
      expect(output).toMatch(text);
      expect(output).not.toMatch(/invalid character|<html/);
    }
  }
});

function expectError({ status, headers, body }: HttpAnswer, method: string, expected: Expected): void {
  const { retryAfter } = expected;
  expect({ status }).toEqual({ status: expected.status });
  if (retryAfter !== undefined) {
    expect(headers['retry-after']).toEqual(retryAfter === true ? expect.stringMatching(/^\d+$/) : retryAfter);
  }
  expect(headers['content-type']).toMatch(/^application\/json(;|$)/);
  expect(headers['www-authenticate']).toBeUndefined();
  if (method === 'HEAD') return;
  expect(JSON.parse(body.toString())).toMatchObject({
    errors: [{ code: expect.stringMatching(/^[A-Z_]+$/), message: expect.any(String) }],
  });
}
