import { EventEmitter } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { type RedisClient, redisRules } from '../../../src/rules/sources/redis.ts';

const signal = new AbortController().signal;

/** A client that has one text. */
class FakedClient extends EventEmitter implements RedisClient {
  text: string | undefined = 'text';
  failure: Error | undefined;
  listener = () => {};
  channels: readonly string[] = [];
  destroyed = 0;
  async connect(): Promise<void> {
    if (this.failure) throw this.failure;
  }
  destroy(): void {
    this.destroyed += 1;
  }
  async getRange(): Promise<unknown> {
    if (this.failure) throw this.failure;
    return this.text ?? '';
  }
  async exists(): Promise<number> {
    return this.text === undefined ? 0 : 1;
  }
  async eval(_: string, { arguments: [expected, text] }: { arguments: string[] }): Promise<number> {
    if (this.text !== expected) return 0;
    this.text = text;
    return 1;
  }
  async subscribe(channels: string[], listener: () => void): Promise<void> {
    this.channels = channels;
    this.listener = listener;
  }
  duplicate(): RedisClient {
    return this;
  }
}

/** A store with the clients that it has made. */
function fake(prepare: (client: FakedClient) => void = () => {}) {
  const clients: FakedClient[] = [];
  const create = () => {
    const client = new FakedClient();
    prepare(client);
    clients.push(client);
    return client;
  };
  return { clients, store: redisRules('redis://a.example/2#rules', { create }) };
}

describe('the address', () => {
  test.each([
    ['redis://a.example#key', 'redis://a.example#key'],
    ['rediss://user:secret@a.example:6380/3#acme%3Arules', 'rediss://a.example:6380/3#acme%3Arules'],
    ['redis://[::1]:6379#key', 'redis://[::1]:6379#key'],
    [
      'redis-cluster://a.example:7000,b.example:7001#key',
      'redis-cluster://a.example:7000,b.example:7001#key',
    ],
    [
      'rediss-sentinel://:secret@a.example,b.example/group#key',
      'rediss-sentinel://a.example,b.example/group#key',
    ],
  ])('%s is called %s', (address, name) => {
    expect(redisRules(address).name).toBe(name);
  });

  test.each([
    'redis://a.example',
    'redis://#key',
    'redis://a.example/name#key',
    'http://a.example#key',
    'redis://a:b:c#key',
  ])('cannot be %s', (address) => {
    expect(() => redisRules(address)).toThrow(TypeError);
  });
});

describe('a look', () => {
  test('brings the text, over one connection', async () => {
    const { store, clients } = fake();
    expect(await store.read({ signal })).toEqual({ text: 'text' });
    expect(await store.read({ signal })).toEqual({ text: 'text' });
    expect(clients).toHaveLength(1);
    expect(clients[0]?.channels).toEqual(['rules', '__keyspace@2__:rules']);
    store.close();
    await vi.waitFor(() => expect(clients[0]?.destroyed).toBe(1));
    await expect(store.read({ signal })).rejects.toThrow('is closed');
  });

  test.each<readonly [string, string | undefined, string]>([
    ['a key that is missing', undefined, '`redis://a.example/2#rules` does not exist.'],
    ['a text that is too large', 'x'.repeat(16 * 1024 * 1024 + 1), 'more than 16 MiB'],
  ])('at %s says so, and keeps the connection', async (_, text, message) => {
    const { store, clients } = fake((client) => {
      client.text = text;
    });
    await expect(store.read({ signal })).rejects.toThrow(message);
    await expect(store.read({ signal })).rejects.toThrow(message);
    expect(clients).toHaveLength(1);
  });

  test('at an empty key brings nothing', async () => {
    const { store } = fake((client) => {
      client.text = '';
    });
    expect(await store.read({ signal })).toEqual({ text: '' });
  });

  test('that fails makes the connection anew the next time', async () => {
    const { store, clients } = fake();
    await store.read({ signal });
    clients[0]!.failure = new Error('broken pipe.');
    await expect(store.read({ signal })).rejects.toThrow(
      '`redis://a.example/2#rules` cannot be used: broken pipe.',
    );
    await vi.waitFor(() => expect(clients[0]?.destroyed).toBe(1));
    expect(await store.read({ signal })).toEqual({ text: 'text' });
    expect(clients).toHaveLength(2);
  });

  test('that cannot connect leaves nothing open', async () => {
    const { store, clients } = fake((client) => {
      client.failure = new AggregateError([new Error('refused'), new Error('refused too')]);
    });
    await expect(store.read({ signal })).rejects.toThrow('cannot be used: refused; refused too.');
    expect(clients[0]?.destroyed).toBe(1);
  });
});

test('messages hint, and so does a connection that is lost, which is made anew', async () => {
  const { store, clients } = fake();
  const hints: string[] = [];
  await store.read({ signal });
  store.watch?.(() => hints.push('hint'));
  clients[0]?.listener();
  clients[0]?.emit('error', new Error('reset'));
  clients[0]?.emit('error', new Error('reset'));
  expect(hints).toHaveLength(2);
  await store.read({ signal });
  expect(clients).toHaveLength(2);
  store.close();
  clients[1]?.listener();
  expect(hints).toHaveLength(2);
});

test('a text is replaced only if it is the expected one', async () => {
  const { store, clients } = fake();
  await store.write?.('new', 'text');
  expect(clients[0]?.text).toBe('new');
  await expect(store.write?.('newer', 'text')).rejects.toThrow('has been changed meanwhile');
});
