import { describe, expect, test, vi } from 'vitest';
import { httpRules, pollRules } from '../../../src/rules/sources/http.ts';

const rulesTo = (host: string): string => `rules:\n  - protocol: file\n    to: ${host}\n`;
const signal = new AbortController().signal;

/** A web server as `fetch` sees it. */
function fakeFetch(answer: (request: Request) => Response | Promise<Response>) {
  const requests: Request[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    requests.push(request);
    return answer(request);
  };
  return { fetch, requests };
}

describe('the address', () => {
  test.each([
    ['https://a.example/turnout.yaml', 'https://a.example/turnout.yaml'],
    ['https://user:secret@a.example/turnout.yaml?token=secret#x', 'https://a.example/turnout.yaml?…'],
  ])('%s is called %s', (address, name) => {
    expect(httpRules(address).name).toBe(name);
  });

  test.each(['turnout.yaml', 'ftp://a.example/turnout.yaml', 'https://'])('cannot be %s', (address) => {
    expect(() => httpRules(address)).toThrow('is not an http(s) address');
  });
});

describe('a look', () => {
  test.each([
    [{}, 'https://user:p%C3%A4ss@a.example/x', `Basic ${Buffer.from('user:päss').toString('base64')}`],
    [{ username: 'me', password: 'secret' }, 'https://a.example/x', `Basic ${btoa('me:secret')}`],
    [{ token: 't0ken' }, 'https://a.example/x', 'Bearer t0ken'],
    [{}, 'https://a.example/x', null],
  ])('with %j at %s shows %s', async (options, address, expected) => {
    const { fetch, requests } = fakeFetch(() => new Response('text'));
    expect(await httpRules(address, { ...options, fetch }).read({ signal })).toMatchObject({ text: 'text' });
    expect(requests[0]?.headers.get('authorization')).toBe(expected);
  });

  test.each([
    [{ etag: '"1"', 'last-modified': 'Mon, 23 Nov 2026 22:00:00 GMT' }, 'if-none-match', '"1"'],
    [
      { 'last-modified': 'Mon, 23 Nov 2026 22:00:00 GMT' },
      'if-modified-since',
      'Mon, 23 Nov 2026 22:00:00 GMT',
    ],
  ])('after an answer with %j has %s', async (headers, field, value) => {
    const { fetch } = fakeFetch((request) =>
      request.headers.get(field) === value
        ? new Response(null, { status: 304 })
        : new Response('text', { headers: headers as Record<string, string> }),
    );
    const store = httpRules('https://a.example/x', { fetch });
    const first = await store.read({ signal });
    expect(first?.text).toBe('text');
    expect(await store.read({ signal, known: first?.version })).toBeUndefined();
  });

  test('without validators brings the text each time', async () => {
    const { fetch } = fakeFetch(() => new Response('text'));
    expect(await httpRules('https://a.example/x', { fetch }).read({ signal })).toEqual({
      text: 'text',
      version: undefined,
    });
  });

  test.each<readonly [string, () => Response, string]>([
    ['fails', () => new Response('', { status: 500 }), '`https://a.example/x` answers 500.'],
    ['says 304 to who knows nothing', () => new Response(null, { status: 304 }), 'answers 304.'],
    ['is too large', () => new Response(new Uint8Array(16 * 1024 * 1024 + 1)), 'more than 16 MiB'],
    ['is no UTF-8', () => new Response(new Uint8Array([0xff])), 'is not UTF-8 text'],
    ['stops within a letter', () => new Response(new Uint8Array([0xc3])), 'is not UTF-8 text'],
    ['is empty', () => new Response(null, { status: 200 }), ''],
  ])('at an address that %s says so', async (what, answer, message) => {
    const read = httpRules('https://a.example/x', fakeFetch(answer)).read({ signal });
    if (what === 'is empty') expect(await read).toMatchObject({ text: '' });
    else await expect(read).rejects.toThrow(message);
  });

  test('that ends at http although it began at https is not believed', async () => {
    const { fetch } = fakeFetch(() =>
      Object.defineProperty(new Response('text'), 'url', { value: 'http://a.example/x' }),
    );
    await expect(httpRules('https://a.example/x', { fetch }).read({ signal })).rejects.toThrow(
      'leads from https to http',
    );
  });

  test('that reaches nobody says why', async () => {
    const fetch = () =>
      Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }));
    await expect(httpRules('https://a.example/x', { fetch }).read({ signal })).rejects.toThrow(
      '`https://a.example/x` cannot be fetched: connect ECONNREFUSED.',
    );
  });
});

describe('rules for a host that runs only while it has requests', () => {
  const hostOf = ({ current }: ReturnType<typeof pollRules>) => current.rules[0]?.upstreams[0]?.host;

  test('are there after the first refresh, and refreshed in the background when they are old', async () => {
    let text = rulesTo('a.example');
    const { fetch, requests } = fakeFetch(() => new Response(text));
    const rules = pollRules('https://a.example/x', { fetch, poll: 50 });
    expect(() => rules.current).toThrow('call `refresh` first');
    expect(rules.revision).toBeUndefined();
    await rules.refresh();
    expect(hostOf(rules)).toBe('a.example');
    await rules.refresh();
    expect(requests).toHaveLength(1);

    text = rulesTo('b.example');
    await new Promise((resolve) => setTimeout(resolve, 60));
    const running: Promise<unknown>[] = [];
    await rules.refresh((look) => running.push(look));
    await rules.refresh((look) => running.push(look));
    expect([hostOf(rules), running.length]).toEqual(['a.example', 1]);
    await Promise.all(running);
    expect(hostOf(rules)).toBe('b.example');
    expect(rules.revision).toMatch(/^[\da-f]{12}$/);
    expect(rules.state).toMatchObject({ ok: true, from: 'store' });
  });

  test('come from any store', async () => {
    let text: string | undefined = rulesTo('a.example');
    const store = {
      name: 'KV',
      async read() {
        if (text === undefined) throw new Error('There is nothing in KV.');
        return { text };
      },
      close() {},
    };
    const rules = pollRules(store, { poll: 0 });
    await rules.refresh();
    expect(hostOf(rules)).toBe('a.example');
    text = undefined;
    await rules.refresh();
    await vi.waitFor(() => expect(rules.state.lastError?.message).toBe('There is nothing in KV.'));
    expect(hostOf(rules)).toBe('a.example');
    await expect(pollRules(store).refresh()).rejects.toThrow('There is nothing in KV.');
  });

  test('wait for no request but their own', async () => {
    const { fetch } = fakeFetch(() => new Response(rulesTo('a.example')));
    const hang = vi.fn(() => new Promise<Response>(() => {}));
    const rules = pollRules('https://a.example/x', {
      fetch: (...args) => (hang.mock.calls.length === 0 ? hang() : fetch(...args)),
    });
    void rules.refresh().catch(() => {});
    await rules.refresh();
    expect(hostOf(rules)).toBe('a.example');
  });

  test('say what is wrong while there are none, and keep what there is', async () => {
    let text = 'rules: [';
    const errors: Error[] = [];
    const { fetch } = fakeFetch(() => new Response(text));
    const rules = pollRules('https://a.example/x', {
      fetch,
      poll: 0,
      onError: (error) => errors.push(error),
    });
    await expect(rules.refresh()).rejects.toThrow('https://a.example/x:1:');
    text = rulesTo('a.example');
    await rules.refresh();
    text = 'rules: [';
    await rules.refresh((look) => void look);
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    expect(hostOf(rules)).toBe('a.example');
  });
});
