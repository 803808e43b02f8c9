import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { compileRules } from '../../src/core/compile.ts';
import type { CompiledUpstream } from '../../src/core/compiled-rule.ts';
import type { Authentication, ProvidedCredential } from '../../src/core/credential.ts';
import { rule } from '../../src/core/rule.ts';
import { createCredentialKeeper } from '../../src/gateway/credential-keeper.ts';
import { UpstreamError } from '../../src/gateway/transport.ts';
import { file } from '../../src/protocols/file.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function upstreams(auth: Authentication | undefined, ...to: readonly string[]): readonly CompiledUpstream[] {
  return compileRules([rule(file, { to, auth })]).rules[0]?.upstreams ?? [];
}

function upstreamWith(auth: Authentication | undefined): CompiledUpstream {
  const [upstream] = upstreams(auth, 'https://registry.example:8443/acme');
  if (!upstream) throw new Error('There is no upstream.');
  return upstream;
}

/** A provider that gives `password-1`, `password-2`, …, each good for so long. */
function counting(life?: number) {
  let count = 0;
  return vi.fn(async (): Promise<ProvidedCredential> => {
    const expiresAt = life === undefined ? undefined : new Date(Date.now() + life);
    return { username: 'acme', password: `password-${++count}`, expiresAt };
  });
}

const numbered = (count: number) => ({ username: 'acme', password: `password-${count}` });

describe('a credential that the rule holds', () => {
  test.each([[{ username: 'acme', password: 'x' }], [{ token: 'x' }]])(
    'is given as it is, and never replaced: %j',
    async (credential) => {
      const keeper = createCredentialKeeper();
      const upstream = upstreamWith(credential);
      expect(await keeper.get(upstream)).toBe(credential);
      expect(await keeper.replace(upstream, credential)).toBeUndefined();
    },
  );

  test.each([undefined, 'client' as const])('is none with auth: %j', async (auth) => {
    const keeper = createCredentialKeeper();
    expect(await keeper.get(upstreamWith(auth))).toBeUndefined();
    expect(await keeper.replace(upstreamWith(auth), undefined)).toBeUndefined();
  });
});

describe('a credential that is fetched', () => {
  test('is fetched for scheme, host and port, and without what is none of the provider’s business', async () => {
    const provider = vi.fn(() => ({ token: 'x' }));
    await createCredentialKeeper().get(upstreamWith(provider));
    expect(provider.mock.calls).toEqual([
      [{ origin: 'https://registry.example:8443', host: 'registry.example:8443' }],
    ]);
  });

  test('is handed out without its end, and what else came with it', async () => {
    const expiresAt = new Date(Date.now() + HOUR);
    const pair = { username: 'a', password: 'b', expiresAt, arn: 'x' };
    expect(await createCredentialKeeper().get(upstreamWith(() => pair))).toStrictEqual({
      username: 'a',
      password: 'b',
    });
    const token = { token: 't', expiresAt };
    expect(await createCredentialKeeper().get(upstreamWith(() => token))).toStrictEqual({ token: 't' });
  });

  test('is fetched once for requests at the same time, and kept', async () => {
    const provider = counting(12 * HOUR);
    const keeper = createCredentialKeeper();
    const [one, other] = upstreams(provider, 'https://a.example/x', 'https://a.example/y');
    if (!one || !other) throw new Error('There are no upstreams.');
    const got = await Promise.all([keeper.get(one), keeper.get(other), keeper.get(one)]);
    expect(got).toEqual([numbered(1), numbered(1), numbered(1)]);
    await vi.advanceTimersByTimeAsync(11 * HOUR);
    expect(await keeper.get(one)).toEqual(numbered(1));
    expect(provider).toHaveBeenCalledTimes(1);
  });

  test('is another one at another origin, and of another provider', async () => {
    const provider = counting();
    const [one, other] = upstreams(provider, 'https://a.example', 'https://b.example');
    const keeper = createCredentialKeeper();
    expect([await keeper.get(one!), await keeper.get(other!)]).toEqual([numbered(1), numbered(2)]);
    const [third] = upstreams(() => ({ token: 'x' }), 'https://a.example');
    expect(await keeper.get(third!)).toEqual({ token: 'x' });
  });

  test('is good for five minutes when it does not say for how long', async () => {
    const provider = counting();
    const keeper = createCredentialKeeper();
    const upstream = upstreamWith(provider);
    await keeper.get(upstream);
    await vi.advanceTimersByTimeAsync(4 * MINUTE);
    expect(await keeper.get(upstream)).toEqual(numbered(1));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(await keeper.get(upstream)).toEqual(numbered(2));
    expect(provider).toHaveBeenCalledTimes(2);
  });

  test.each([
    ['ten minutes', 12 * HOUR, 10 * MINUTE],
    ['a tenth of a short life', 50 * MINUTE, 5 * MINUTE],
  ])('is renewed in the background %s before its end', async (_, life, lead) => {
    const provider = counting(life);
    const keeper = createCredentialKeeper();
    const upstream = upstreamWith(provider);
    await keeper.get(upstream);
    await vi.advanceTimersByTimeAsync(life - lead - SECOND);
    expect(await keeper.get(upstream)).toEqual(numbered(1));
    expect(provider).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(2 * SECOND);
    expect(await keeper.get(upstream)).toEqual(numbered(1));
    expect(provider).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(0);
    expect(await keeper.get(upstream)).toEqual(numbered(2));
  });

  test('is not renewed when nobody asks, and no timer is left', async () => {
    const provider = counting(HOUR);
    await createCredentialKeeper().get(upstreamWith(provider));
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(24 * HOUR);
    expect(provider).toHaveBeenCalledTimes(1);
  });

  test('is waited for in its last ten seconds', async () => {
    const keeper = createCredentialKeeper();
    const upstream = upstreamWith(counting(12 * HOUR));
    await keeper.get(upstream);
    await vi.advanceTimersByTimeAsync(12 * HOUR - 9 * SECOND);
    expect(await keeper.get(upstream)).toEqual(numbered(2));
  });
});

describe('a provider that fails', () => {
  test('is the reason for a 502 that names the upstream, when no credential is good', async () => {
    const provider = () => Promise.reject(new Error('no network\n  and more'));
    const error = await createCredentialKeeper()
      .get(upstreamWith(provider))
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UpstreamError);
    expect(error).toMatchObject({
      status: 502,
      message: 'https://registry.example:8443: no credential could be fetched: no network',
    });
    expect((error as Error).cause).toBeUndefined();
  });

  test('may throw at once, and anything', async () => {
    for (const thrown of [new Error(''), 'no network', undefined]) {
      const provider = () => {
        throw thrown;
      };
      await expect(createCredentialKeeper().get(upstreamWith(provider))).rejects.toThrow(UpstreamError);
    }
  });

  test('is given up after 30 seconds with a 504, and asked again', async () => {
    const provider = vi.fn(() => new Promise<never>(() => {}));
    const keeper = createCredentialKeeper();
    const upstream = upstreamWith(provider);
    const first = keeper.get(upstream).catch((reason: unknown) => reason);
    await vi.advanceTimersByTimeAsync(30 * SECOND);
    expect(await first).toMatchObject({
      status: 504,
      message: expect.stringContaining('longer than 30 seconds'),
    });
    await vi.advanceTimersByTimeAsync(SECOND);
    void keeper.get(upstream).catch(() => {});
    expect(provider).toHaveBeenCalledTimes(2);
  });

  test('is asked once a second at most while no credential is good', async () => {
    const provider = vi.fn(() => Promise.reject(new Error('no network')));
    const keeper = createCredentialKeeper();
    const upstream = upstreamWith(provider);
    for (let request = 0; request < 5; request++)
      await expect(keeper.get(upstream)).rejects.toThrow('no network');
    expect(provider).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(SECOND);
    await expect(keeper.get(upstream)).rejects.toThrow('no network');
    expect(provider).toHaveBeenCalledTimes(2);
  });

  test('leaves the credential before in use until its end, is asked now and then, and each failure is told once', async () => {
    const provider = counting(HOUR);
    const onError = vi.fn();
    const keeper = createCredentialKeeper({ onError });
    const upstream = upstreamWith(provider);
    await keeper.get(upstream);
    provider.mockRejectedValue(new Error('throttled'));
    await vi.advanceTimersByTimeAsync(55 * MINUTE);
    for (let second = 0; second < 5 * 60; second++) {
      expect(await Promise.all([keeper.get(upstream), keeper.get(upstream)])).toEqual([
        numbered(1),
        numbered(1),
      ]);
      await vi.advanceTimersByTimeAsync(SECOND);
    }
    expect(onError).toHaveBeenCalledTimes(provider.mock.calls.length - 1);
    expect(onError.mock.calls.length).toBeGreaterThan(25);
    expect(onError.mock.calls.length).toBeLessThan(32);
    expect(onError.mock.calls[0]?.[0]).toMatchObject({
      name: 'UpstreamError',
      message: 'https://registry.example:8443: no credential could be fetched: throttled',
    });
    await vi.advanceTimersByTimeAsync(MINUTE);
    await expect(keeper.get(upstream)).rejects.toThrow('throttled');
    provider.mockResolvedValue({ token: 'again' });
    await vi.advanceTimersByTimeAsync(SECOND);
    expect(await keeper.get(upstream)).toEqual({ token: 'again' });
  });

  test('does not fail a request of the last seconds', async () => {
    const provider = counting(HOUR);
    const keeper = createCredentialKeeper();
    const upstream = upstreamWith(provider);
    await keeper.get(upstream);
    provider.mockRejectedValue(new Error('throttled'));
    await vi.advanceTimersByTimeAsync(HOUR - 5 * SECOND);
    expect(await keeper.get(upstream)).toEqual(numbered(1));
  });

  test('is told to a hook whose own errors do no harm', async () => {
    const onError = () => {
      throw new Error('log full');
    };
    const keeper = createCredentialKeeper({ onError });
    const provider = () => Promise.reject(new Error('no network'));
    await expect(keeper.get(upstreamWith(provider))).rejects.toThrow('no network');
  });

  const secret = 'hunter2 hunter2';
  test.each<[unknown, string]>([
    [undefined, 'its provider gives undefined, which is no credential.'],
    [null, 'its provider gives null, which is no credential.'],
    [secret, 'its provider gives string, which is no credential.'],
    [{}, 'its provider gives neither `username` and `password` nor a `token`.'],
    [{ username: secret }, 'its provider gives neither `username` and `password` nor a `token`.'],
    [
      { username: 'a', password: 'b', token: secret },
      'its provider gives a `token` beside `username` and `password`.',
    ],
    [{ token: secret }, 'the `token` of its provider is not one word of printable ASCII.'],
    [{ token: 1 }, 'the `token` of its provider is not one word of printable ASCII.'],
    [
      { username: `${secret}:`, password: 'b' },
      'the `username` of its provider is not text in one line without a colon.',
    ],
    [{ username: 'a', password: `${secret}\n` }, 'the `password` of its provider is not text in one line.'],
    [{ username: 'a', password: 1 }, 'the `password` of its provider is not text in one line.'],
    [{ token: 'a', expiresAt: secret }, 'the `expiresAt` of its provider is not a date.'],
    [{ token: 'a', expiresAt: new Date(Number.NaN) }, 'the `expiresAt` of its provider is not a date.'],
    [
      { token: 'a', expiresAt: new Date(Date.UTC(2020, 0)) },
      'what its provider gives has expired already, at 2020-01-01T00:00:00.000Z; is the clock right?',
    ],
  ])('is one that gives %j', async (given, reason) => {
    const provider = () => given as ProvidedCredential;
    const error = await createCredentialKeeper()
      .get(upstreamWith(provider))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      status: 502,
      message: `https://registry.example:8443: no credential could be fetched: ${reason}`,
    });
    expect(String(error)).not.toContain('hunter2');
  });
});

describe('a credential that is refused', () => {
  test('is replaced, once for all requests that were refused at the same time', async () => {
    const provider = counting(HOUR);
    const keeper = createCredentialKeeper();
    const upstream = upstreamWith(provider);
    const refused = await keeper.get(upstream);
    const replaced = await Promise.all([
      keeper.replace(upstream, refused),
      keeper.replace(upstream, refused),
      keeper.replace(upstream, { ...numbered(1) }),
    ]);
    expect(replaced).toEqual([numbered(2), numbered(2), numbered(2)]);
    expect(await keeper.replace(upstream, refused)).toEqual(numbered(2));
    expect(await keeper.get(upstream)).toEqual(numbered(2));
    expect(provider).toHaveBeenCalledTimes(2);
  });

  test('is replaced once in 30 seconds', async () => {
    const provider = counting(HOUR);
    const keeper = createCredentialKeeper();
    const upstream = upstreamWith(provider);
    const second = await keeper.replace(upstream, await keeper.get(upstream));
    expect(await keeper.replace(upstream, second)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(30 * SECOND);
    expect(await keeper.replace(upstream, second)).toEqual(numbered(3));
  });

  test.each<ProvidedCredential>([{ token: 'same' }, { username: 'a', password: 'same' }])(
    'is not replaced by itself: %j',
    async (credential) => {
      const keeper = createCredentialKeeper();
      const upstream = upstreamWith(() => ({ ...credential }));
      expect(await keeper.replace(upstream, await keeper.get(upstream))).toBeUndefined();
    },
  );

  test('stays refused when there is no other, and that is told', async () => {
    const provider = counting(HOUR);
    const onError = vi.fn();
    const keeper = createCredentialKeeper({ onError });
    const upstream = upstreamWith(provider);
    const refused = await keeper.get(upstream);
    provider.mockRejectedValue(new Error('no network'));
    expect(await keeper.replace(upstream, refused)).toBeUndefined();
    expect(onError).toHaveBeenCalledTimes(1);
  });
});
