/**
 * Rules in a key of Redis or Valkey: one server, a cluster, or servers behind sentinels.
 *
 * @module
 */
import { MAX_SIZE } from '../document.ts';
import type { RuleStore } from '../store.ts';
import { holdConnection, StoredError } from './_connection.ts';
import { importPackage } from './_package.ts';
import { tooLarge } from './_text.ts';

export type { RuleStore } from '../store.ts';

/** Options of `redisRules`. */
export interface RedisRulesOptions {
  /** The name of the user. Default that of the address, or Redis' default user. */
  readonly username?: string | undefined;
  /** The password. Default that of the address. */
  readonly password?: string | undefined;
  /**
   * Makes a client that is not connected yet: `createClient`, `createCluster` or `createSentinel` of the package `redis`
   * with options of your own. It is called anew after each failure. Default one for the address.
   */
  readonly create?: (() => RedisClient) | undefined;
}

/** What is used of the clients of the package `redis`. */
export interface RedisClient {
  /** Connects. */
  connect(): Promise<unknown>;
  /** Ends every connection. */
  destroy(): unknown;
  /** Listens to errors of its connections. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  /** GETRANGE: a part of a text. */
  getRange(key: string, start: number, end: number): Promise<unknown>;
  /** EXISTS: whether there is a key. */
  exists(key: string): Promise<unknown>;
  /** EVAL: runs a script. */
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  /** SUBSCRIBE: listens to channels. */
  subscribe(channels: string[], listener: () => void): Promise<unknown>;
  /** Makes another one like it. */
  duplicate(): RedisClient;
  /** Lets the process end while it is connected; clusters and sentinels have none. */
  unref?(): void;
}

/** The part of the package `redis` that is used. */
interface RedisPackage {
  createClient(options: object): RedisClient;
  createCluster(options: object): RedisClient;
  createSentinel(options: object): RedisClient;
}

/** An address, read. */
interface RedisAddress {
  readonly key: string;
  readonly database: number;
  /** Without anything secret. */
  readonly name: string;
  create(redis: RedisPackage): RedisClient;
}

/** Connected: one client for commands, and one that listens. */
interface Connection {
  readonly client: RedisClient;
  readonly clients: ReadonlySet<RedisClient>;
}

/** Replaces the text if it is the expected one, and tells. */
const REPLACE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('PUBLISH', KEYS[1], 'changed')
return 1`;

/**
 * Makes a store of a key of Redis, for `loadRules`.
 *
 * Messages on the channel that is named like the key hint at a change, as do keyspace notifications where the server has
 * them switched on. The address is
 * - `redis://host:6379/0#key`, or `rediss:` for TLS,
 * - `redis-cluster://host:7000,host:7001#key`, or `rediss-cluster:`,
 * - `redis-sentinel://host:26379,host:26380/name#key`, or `rediss-sentinel:`, with the name of the group of servers.
 *
 * The package `redis` is loaded when it is first used, unless `create` is given. With a cluster or sentinels, `close` is
 * what lets a process end.
 *
 * @throws TypeError The address is none of these.
 */
export function redisRules(address: string, options: RedisRulesOptions = {}): RuleStore {
  const { key, database, name, create } = readAddress(address, options);
  const make =
    options.create ?? (async () => create(await importPackage<RedisPackage>('redis', 'rules in Redis')));
  let onHint = () => {};
  let watched = false;
  const connection = holdConnection<Connection>(name, {
    async open(onLost) {
      const client = await make();
      // A connection that listens does nothing else; clusters and sentinels see to that themselves.
      const listener = client.unref ? client.duplicate() : client;
      const clients = new Set([client, listener]);
      for (const each of clients) each.on('error', onLost);
      try {
        for (const each of clients) {
          await each.connect();
          if (watched) each.unref?.();
        }
        await listener.subscribe([key, `__keyspace@${database}__:${key}`], () => onHint());
        return { client, clients };
      } catch (error) {
        end({ clients });
        throw error;
      }
    },
    end,
  });

  return {
    name,
    longestPause: 10_000,
    read: ({ signal }) =>
      connection.use(async ({ client }) => {
        const text = await client.getRange(key, 0, MAX_SIZE);
        if (typeof text !== 'string' || Buffer.byteLength(text) > MAX_SIZE)
          throw new StoredError(tooLarge(name).message);
        if (text === '' && !(await client.exists(key))) throw new StoredError(`\`${name}\` does not exist.`);
        return { text };
      }, signal),
    watch(listener) {
      onHint = listener;
      watched = true;
      connection.onLost(listener);
      connection.peek(({ clients }) => {
        for (const each of clients) each.unref?.();
      });
    },
    write: (text, expected) =>
      connection.use(async ({ client }) => {
        const done = await client.eval(REPLACE, { keys: [key], arguments: [expected, text] });
        if (!done) throw new StoredError(`\`${name}\` has been changed meanwhile.`);
      }),
    close() {
      onHint = () => {};
      connection.close();
    },
  };
}

const EXAMPLE = 'redis://cache.internal:6379/0#turnout';

function readAddress(address: string, options: RedisRulesOptions): RedisAddress {
  const [, scheme = '', secure, kind, rest = '', fragment = ''] =
    /^(redis(s?)(-cluster|-sentinel)?):\/\/([^#]*)#(.+)$/.exec(address) ?? [];
  const [, userinfo = '', hosts = '', path = ''] = /^(?:([^@]*)@)?([^/?@]+)\/?([^/?]*)$/.exec(rest) ?? [];
  if (hosts === '')
    throw new TypeError(`Write an address of Redis with its key after \`#\`, such as \`${EXAMPLE}\`.`);
  const [user = '', password = ''] = userinfo.split(':').map(decodeURIComponent);
  const credential = {
    ...((options.username ?? user) !== '' && { username: options.username ?? user }),
    ...((options.password ?? password) !== '' && { password: options.password ?? password }),
  };
  const nodes = hosts.split(',').map((host) => readHost(host, kind === '-sentinel' ? 26_379 : 6379));
  const database = kind ? 0 : readDatabase(path);
  const key = decodeURIComponent(fragment);
  const common = { ...credential, RESP: 2, disableOfflineQueue: true };
  const socket = { connectTimeout: 5000, ...(secure && { tls: true }), reconnectStrategy: false };
  return {
    key,
    database,
    name: `${scheme}://${hosts}${path && `/${path}`}#${fragment}`,
    create(redis) {
      if (kind === '-cluster') {
        const rootNodes = nodes.map((node) => ({ socket: { ...socket, ...node } }));
        return redis.createCluster({ RESP: 2, rootNodes, defaults: { ...common, socket } });
      }
      if (kind === '-sentinel') {
        const node = { ...credential, socket };
        return redis.createSentinel({
          RESP: 2,
          name: path,
          sentinelRootNodes: nodes,
          nodeClientOptions: node,
          sentinelClientOptions: { socket },
        });
      }
      const [node] = nodes;
      return redis.createClient({ ...common, database, socket: { ...socket, ...node } });
    },
  };
}

function readHost(text: string, standard: number): { readonly host: string; readonly port: number } {
  const [, bracketed, plain = '', port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === '') throw new TypeError(`\`${text}\` is not a host and a port.`);
  return { host, port: port === undefined ? standard : Number(port) };
}

function readDatabase(path: string): number {
  if (!/^\d*$/.test(path)) throw new TypeError(`\`${path}\` is not the number of a database of Redis.`);
  return Number(path);
}

function end({ clients }: Pick<Connection, 'clients'>): void {
  for (const client of clients) {
    try {
      const ended = client.destroy();
      if (ended instanceof Promise) ended.catch(() => {});
    } catch {
      // It has ended already.
    }
  }
}
