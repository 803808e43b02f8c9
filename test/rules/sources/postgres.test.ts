import { EventEmitter } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { type PostgresClient, postgresRules } from '../../../src/rules/sources/postgres.ts';

const signal = new AbortController().signal;

class FakedClient extends EventEmitter implements PostgresClient {
  readonly queries: (readonly [text: string, values: readonly unknown[]])[] = [];
  rows: readonly Readonly<Record<string, unknown>>[] = [{ rules: 'text' }];
  failure: Error | undefined;
  ended = 0;
  async connect(): Promise<void> {
    if (this.failure) throw this.failure;
  }
  async end(): Promise<void> {
    this.ended += 1;
  }
  async query(text: string, values: readonly unknown[] = []) {
    if (this.failure) throw this.failure;
    this.queries.push([text.replaceAll(/\s+/g, ' '), values]);
    return { rows: this.rows, rowCount: this.rows.length };
  }
  unref(): void {}
}

/** A store with the clients that it has made. */
function fake(address = 'postgres://a.example/acme', prepare: (client: FakedClient) => void = () => {}) {
  const clients: FakedClient[] = [];
  const create = () => {
    const client = new FakedClient();
    prepare(client);
    clients.push(client);
    return client;
  };
  return { clients, store: postgresRules(address, { create }) };
}

describe('the address', () => {
  test.each([
    ['postgres://me:secret@a.example:5433/acme#production', 'postgres://a.example:5433/acme#production'],
    ['postgresql://a.example/acme?sslmode=require', 'postgresql://a.example/acme#default'],
    ['postgres:///acme?host=/run/postgresql', 'postgres:///acme#default'],
  ])('%s is called %s', (address, name) => {
    expect(postgresRules(address).name).toBe(name);
  });

  test.each(['turnout.yaml', 'mysql://a.example/acme'])('cannot be %s', (address) => {
    expect(() => postgresRules(address)).toThrow(TypeError);
  });

  test('names the row and the table', async () => {
    const { store, clients } = fake('postgres://a.example/acme?table=ops."odd"#production');
    await store.read({ signal });
    const [listen, select] = clients[0]?.queries ?? [];
    expect(listen?.[0]).toBe('LISTEN """odd"""');
    expect(select?.[0]).toContain('FROM "ops"."""odd""" WHERE name = $1');
    expect(select?.[1][0]).toBe('production');
  });
});

describe('a look', () => {
  test('brings the text, over one connection', async () => {
    const { store, clients } = fake();
    expect(await store.read({ signal })).toEqual({ text: 'text' });
    expect(await store.read({ signal })).toEqual({ text: 'text' });
    expect(clients).toHaveLength(1);
    store.close();
    await vi.waitFor(() => expect(clients[0]?.ended).toBe(1));
  });

  test.each([
    ['a row that is missing', [], 'does not exist'],
    ['a text that is too large', [{ rules: null }], 'more than 16 MiB'],
  ])('at %s says so', async (_, rows, message) => {
    const { store } = fake(undefined, (client) => {
      client.rows = rows;
    });
    await expect(store.read({ signal })).rejects.toThrow(message);
  });

  test('that fails makes the connection anew the next time', async () => {
    const { store, clients } = fake();
    await store.read({ signal });
    clients[0]!.failure = new Error('terminating connection');
    await expect(store.read({ signal })).rejects.toThrow(
      '`postgres://a.example/acme#default` cannot be used: terminating connection.',
    );
    expect(await store.read({ signal })).toEqual({ text: 'text' });
    expect(clients).toHaveLength(2);
  });

  test('that cannot connect leaves nothing open', async () => {
    const { store, clients } = fake(undefined, (client) => {
      client.failure = new Error('refused');
    });
    await expect(store.read({ signal })).rejects.toThrow('refused');
    expect(clients[0]?.ended).toBe(1);
  });
});

test('notifications hint, and so does a connection that is lost', async () => {
  const { store, clients } = fake();
  const hints: string[] = [];
  await store.read({ signal });
  store.watch?.(() => hints.push('hint'));
  clients[0]?.emit('notification');
  clients[0]?.emit('end');
  clients[0]?.emit('end');
  expect(hints).toHaveLength(2);
});

test('a text is replaced only if it is the expected one, and listeners are told', async () => {
  const { store, clients } = fake('postgres://a.example/acme?table=ops.rules');
  await store.write?.('new', 'text');
  expect(clients[0]?.queries.at(-1)?.[1]).toEqual(['default', 'new', 'text', 'rules']);
  clients[0]!.rows = [];
  await expect(store.write?.('newer', 'text')).rejects.toThrow('has been changed meanwhile');
});
