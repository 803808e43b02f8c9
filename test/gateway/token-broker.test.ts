import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import {
  createTokenBroker,
  type FetchToken,
  type ProtectionSpace,
  type TokenAnswer,
  type TokenBroker,
} from '../../src/gateway/token-broker.ts';

const user = { username: 'acme', password: 'pässword' };
const basic = `Basic ${Buffer.from('acme:pässword').toString('base64')}`;
const field = 'Bearer realm="https://auth.example/token?a=1",service="registry",scope="repository:a/b:pull"';

const space = (change: Partial<ProtectionSpace> = {}): ProtectionSpace => ({
  origin: 'https://registry.example',
  place: 'a/b',
  credential: undefined,
  eager: false,
  ...change,
});

/** A broker whose authorizations are their fields. */
function createBroker() {
  const broker = createTokenBroker();
  return {
    authorize: async (...args: Parameters<TokenBroker['authorize']>) =>
      (await broker.authorize(...args))?.field,
    answer: async (...args: Parameters<TokenBroker['answer']>) => (await broker.answer(...args))?.field,
  };
}

/** A token server that counts; it answers with `t1`, `t2`, … or what `answer` says. */
function tokenServer(
  answer: (count: number) => TokenAnswer | undefined = (count) => ({ token: `t${count}`, expiresIn: 300 }),
) {
  const seen: (readonly [url: string, authorization: string | undefined])[] = [];
  const fetchToken: FetchToken = async ({ url, authorization }) => {
    const count = seen.push([url.href, authorization]);
    await Promise.resolve();
    return answer(count);
  };
  return { seen, fetchToken };
}

describe('what is asked of a token server', () => {
  test.each([
    [
      'service and scope',
      field,
      'https://auth.example/token?a=1&service=registry&scope=repository%3Aa%2Fb%3Apull',
    ],
    ['the realm alone', 'Bearer realm="https://auth.example/token"', 'https://auth.example/token'],
    [
      'each of several scopes',
      'Bearer realm="https://auth.example/",scope="a:b:pull  c:d:pull"',
      'https://auth.example/?scope=a%3Ab%3Apull&scope=c%3Ad%3Apull',
    ],
    ['no empty scope', 'Bearer realm="https://auth.example/",scope=""', 'https://auth.example/'],
    [
      'a value that needs escapes',
      'Bearer realm="https://auth.example/",service="a&b=c d"',
      'https://auth.example/?service=a%26b%3Dc+d',
    ],
  ])('%s', async (_, challenge, url) => {
    const { seen, fetchToken } = tokenServer();
    expect(await createBroker().answer(space(), challenge, undefined, fetchToken)).toBe('Bearer t1');
    expect(seen).toEqual([[url, undefined]]);
  });

  test('with the credential of the upstream', async () => {
    const { seen, fetchToken } = tokenServer();
    await createBroker().answer(space({ credential: user }), field, undefined, fetchToken);
    expect(seen).toEqual([[expect.any(String), basic]]);
  });
});

describe('a kept token', () => {
  test('serves the next request without another 401', async () => {
    const { seen, fetchToken } = tokenServer();
    const broker = createBroker();
    expect(await broker.authorize(space(), fetchToken)).toBeUndefined();
    await broker.answer(space(), field, undefined, fetchToken);
    expect(await broker.authorize(space(), fetchToken)).toBe('Bearer t1');
    expect(seen).toHaveLength(1);
  });

  test.each([
    ['realm', field.replace('a=1', 'a=2'), {}],
    ['service', field.replace('"registry"', '"other"'), {}],
    ['scope', field.replace('a/b', 'a/c'), {}],
    ['credential', field, { credential: user }],
    ['origin', field, { origin: 'https://registry.example:8443' }],
  ])('is of no use for another %s', async (_, challenge, change) => {
    const { seen, fetchToken } = tokenServer();
    const broker = createBroker();
    await broker.answer(space(), field, undefined, fetchToken);
    expect(await broker.answer(space(change), challenge, undefined, fetchToken)).toBe('Bearer t2');
    expect(seen).toHaveLength(2);
  });

  test('is of use for another place that has the same challenge', async () => {
    const { seen, fetchToken } = tokenServer();
    const broker = createBroker();
    await broker.answer(space(), field, undefined, fetchToken);
    expect(await broker.answer(space({ place: 'c/d' }), field, undefined, fetchToken)).toBe('Bearer t1');
    expect(seen).toHaveLength(1);
  });

  test('is that of everybody who shows the same credential, and of nobody else', async () => {
    const { fetchToken } = tokenServer();
    const broker = createBroker();
    await broker.answer(space({ credential: { ...user } }), field, undefined, fetchToken);
    expect(await broker.authorize(space({ credential: { ...user } }), fetchToken)).toBe('Bearer t1');
    for (const credential of [undefined, { ...user, password: 'other' }, { refreshToken: 'pässword' }])
      expect(await broker.authorize(space({ credential }), fetchToken)).toBeUndefined();
  });
});

describe('the life of a token', () => {
  let now = 0;

  function pass(milliseconds: number): void {
    now += milliseconds;
    vi.advanceTimersByTime(milliseconds);
  }

  beforeEach(() => {
    // The cache took the clock's object before it could be replaced, so that only its method can be.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    now = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => now);
  });

  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  test.each([
    ['300 seconds less ten', 300, 290],
    ['a short one less a tenth', 20, 18],
    ['the least that a server should give', 60, 54],
  ])('%s', async (_, expiresIn, seconds) => {
    const { seen, fetchToken } = tokenServer((count) => ({ token: `t${count}`, expiresIn }));
    const broker = createBroker();
    await broker.answer(space(), field, undefined, fetchToken);
    pass(seconds * 1000 - 100);
    expect(await broker.authorize(space(), fetchToken)).toBe('Bearer t1');
    pass(200);
    expect(await broker.authorize(space(), fetchToken)).toBe('Bearer t2');
    expect(seen).toHaveLength(2);
  });

  test.each([0, -5])('of %d seconds is one request', async (expiresIn) => {
    const { seen, fetchToken } = tokenServer((count) => ({ token: `t${count}`, expiresIn }));
    const broker = createBroker();
    expect(await broker.answer(space(), field, undefined, fetchToken)).toBe('Bearer t1');
    expect(await broker.authorize(space(), fetchToken)).toBe('Bearer t2');
    expect(seen).toHaveLength(2);
  });
});

describe('requests at the same time', () => {
  test('that are challenged share one token request', async () => {
    const { seen, fetchToken } = tokenServer();
    const broker = createBroker();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => broker.answer(space(), field, undefined, fetchToken)),
    );
    expect(new Set(answers)).toEqual(new Set(['Bearer t1']));
    expect(seen).toHaveLength(1);
  });

  test('whose token was revoked share one renewal', async () => {
    const { seen, fetchToken } = tokenServer();
    const broker = createBroker();
    await broker.answer(space(), field, undefined, fetchToken);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => broker.answer(space(), field, 'Bearer t1', fetchToken)),
    );
    expect(new Set(answers)).toEqual(new Set(['Bearer t2']));
    expect(seen).toHaveLength(2);
  });

  test('a refusal after the renewal of others does not renew again', async () => {
    const { seen, fetchToken } = tokenServer();
    const broker = createBroker();
    await broker.answer(space(), field, undefined, fetchToken);
    await broker.answer(space(), field, 'Bearer t1', fetchToken);
    expect(await broker.answer(space(), field, 'Bearer t1', fetchToken)).toBe('Bearer t2');
    expect(seen).toHaveLength(2);
  });

  test('share a failure, and the next one asks again', async () => {
    const failing: FetchToken = vi.fn(async () => {
      throw new Error('down');
    });
    const broker = createBroker();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => broker.answer(space(), field, undefined, failing)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    expect(failing).toHaveBeenCalledTimes(1);
    expect(await broker.answer(space(), field, undefined, tokenServer().fetchToken)).toBe('Bearer t1');
  });
});

describe('a challenge', () => {
  test.each([
    ['of a scheme that is not known', 'Negotiate', {}],
    ['without a realm', 'Bearer error="insufficient_scope"', {}],
    ['whose realm is no address', 'Bearer realm="registry"', {}],
    ['for a password that there is none of', 'Basic realm="x"', {}],
    ['that is none', '', {}],
  ])('%s has no answer', async (_, challenge, change) => {
    const { seen, fetchToken } = tokenServer();
    expect(await createBroker().answer(space(change), challenge, undefined, fetchToken)).toBeUndefined();
    expect(seen).toEqual([]);
  });

  test('that the token server refuses has no answer', async () => {
    const { fetchToken } = tokenServer(() => undefined);
    const broker = createBroker();
    expect(await broker.answer(space({ credential: user }), field, undefined, fetchToken)).toBeUndefined();
    expect(await broker.authorize(space({ credential: user }), fetchToken)).toBeUndefined();
  });

  test('is passed over for one that can be answered', async () => {
    const broker = createBroker();
    const { fetchToken } = tokenServer();
    const both = `Negotiate, Bearer error="x", Basic realm="r", ${field}`;
    expect(await broker.answer(space(), both, undefined, fetchToken)).toBe('Bearer t1');
    expect(await broker.answer(space({ credential: user }), both, undefined, fetchToken)).toBe(basic);
  });

  test('for Basic is remembered', async () => {
    const broker = createBroker();
    const { seen, fetchToken } = tokenServer();
    const own = space({ credential: user });
    expect(await broker.authorize(own, fetchToken)).toBeUndefined();
    expect(await broker.answer(own, 'Basic realm="x"', undefined, fetchToken)).toBe(basic);
    expect(await broker.authorize(own, fetchToken)).toBe(basic);
    expect(seen).toEqual([]);
  });

  test('after the same Basic credential has no better answer', async () => {
    const { fetchToken } = tokenServer();
    const own = space({ credential: user, eager: true });
    expect(await createBroker().answer(own, 'Basic realm="x"', basic, fetchToken)).toBeUndefined();
  });

  test('after a new token that is refused at once ends with one renewal', async () => {
    const { fetchToken } = tokenServer(() => ({ token: 'same', expiresIn: 300 }));
    const broker = createBroker();
    expect(await broker.answer(space(), field, undefined, fetchToken)).toBe('Bearer same');
    expect(await broker.answer(space(), field, 'Bearer same', fetchToken)).toBeUndefined();
  });
});

describe('a credential', () => {
  test.each([
    ['of a user is shown at once where no challenge is waited for', { credential: user, eager: true }, basic],
    ['of a user waits for the challenge elsewhere', { credential: user, eager: false }, undefined],
    ['that is a token is always shown at once', { credential: { token: 'pat' }, eager: false }, 'Bearer pat'],
    ['that is missing is not shown', { eager: true }, undefined],
  ])('%s', async (_, change, authorization) => {
    const { seen, fetchToken } = tokenServer();
    expect(await createBroker().authorize(space(change), fetchToken)).toBe(authorization);
    expect(seen).toEqual([]);
  });

  test('that is a token does not give way to an anonymous one when it is refused', async () => {
    const { seen, fetchToken } = tokenServer();
    const broker = createBroker();
    const own = space({ credential: { token: 'pat' } });
    expect(await broker.answer(own, field, 'Bearer pat', fetchToken)).toBeUndefined();
    expect(await broker.authorize(own, fetchToken)).toBe('Bearer pat');
    expect(seen).toEqual([]);
  });
});
