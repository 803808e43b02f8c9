/**
 * Rules in a row of PostgreSQL.
 *
 * @see https://www.postgresql.org/docs/current/sql-notify.html
 * @module
 */
import { MAX_SIZE } from '../document.ts';
import type { RuleStore } from '../store.ts';
import { holdConnection, StoredError } from './_connection.ts';
import { importPackage } from './_package.ts';
import { tooLarge } from './_text.ts';

export type { RuleStore } from '../store.ts';

/** Options of `postgresRules`. */
export interface PostgresRulesOptions {
  /** The table, which has the columns `name` and `rules`, both text. Default `turnout_rules`. */
  readonly table?: string | undefined;
  /**
   * Makes a client that is not connected yet, `new Client({ … })` of the package `pg`, with options of your own. It is
   * called anew after each failure. Default one for the address.
   */
  readonly create?: (() => PostgresClient) | undefined;
}

/** What is used of the class `Client` of the package `pg`. */
export interface PostgresClient {
  /** Connects. */
  connect(): Promise<unknown>;
  /** Ends the connection. */
  end(): Promise<unknown>;
  /** Runs a statement. */
  query(
    text: string,
    values?: readonly unknown[],
  ): Promise<{
    readonly rows: readonly Readonly<Record<string, unknown>>[];
    readonly rowCount: number | null;
  }>;
  /** Listens to notifications, and to the end of the connection. */
  on(event: 'notification' | 'error' | 'end', listener: () => void): unknown;
  /** Lets the process end while it is connected. */
  unref?(): void;
}

/** The part of the package `pg` that is used. */
interface PostgresPackage {
  readonly Client: new (options: object) => PostgresClient;
}

/** How long connecting, and a statement, may take, in milliseconds. */
const TIMEOUT = 5000;

/**
 * Makes a store of a row of PostgreSQL, for `loadRules`: `postgres://user@host/database#row`, with the row `default`
 * where none is named, and `?table=schema.name` for another table than `turnout_rules`.
 *
 * Notifications on the channel that is named like the table hint at a change. What libpq reads from the environment and
 * `~/.pgpass` is read here too. The package `pg` is loaded when it is first used, unless `create` is given.
 *
 * @throws TypeError It is no address of PostgreSQL.
 */
export function postgresRules(address: string, options: PostgresRulesOptions = {}): RuleStore {
  const { connectionString, row, name, table, channel } = readAddress(address, options.table);
  const make = options.create ?? (() => createClient(connectionString));
  let onHint = () => {};
  let watched = false;
  const connection = holdConnection<PostgresClient>(name, {
    async open(onLost) {
      const client = await make();
      client.on('error', onLost);
      client.on('end', onLost);
      client.on('notification', () => onHint());
      try {
        await client.connect();
        if (watched) client.unref?.();
        await client.query(`LISTEN ${channel}`);
        return client;
      } catch (error) {
        client.end().catch(() => {});
        throw error;
      }
    },
    end: (client) => client.end(),
  });

  return {
    name,
    longestPause: 10_000,
    read: ({ signal }) =>
      connection.use(async (client) => {
        const { rows } = await client.query(
          `SELECT CASE WHEN octet_length(rules) <= $2 THEN rules END AS rules FROM ${table} WHERE name = $1`,
          [row, MAX_SIZE],
        );
        if (rows.length === 0) throw new StoredError(`\`${name}\` does not exist.`);
        const text = rows[0]?.rules;
        if (typeof text !== 'string') throw new StoredError(tooLarge(name).message);
        return { text };
      }, signal),
    watch(listener) {
      onHint = listener;
      watched = true;
      connection.onLost(listener);
      connection.peek((client) => client.unref?.());
    },
    write: (text, expected) =>
      connection.use(async (client) => {
        const { rowCount } = await client.query(
          `WITH changed AS (UPDATE ${table} SET rules = $2 WHERE name = $1 AND rules = $3 RETURNING name)
           SELECT pg_notify($4, name) FROM changed`,
          [row, text, expected, channelName(table)],
        );
        if (rowCount === 0) throw new StoredError(`\`${name}\` has been changed meanwhile.`);
      }),
    close() {
      onHint = () => {};
      connection.close();
    },
  };
}

async function createClient(connectionString: string): Promise<PostgresClient> {
  const { Client } = await importPackage<PostgresPackage>('pg', 'rules in PostgreSQL');
  return new Client({
    connectionString,
    application_name: 'turnout',
    keepAlive: true,
    connectionTimeoutMillis: TIMEOUT,
    query_timeout: TIMEOUT,
  });
}

const EXAMPLE = 'postgres://turnout@db.internal/acme#production';

function readAddress(address: string, given: string | undefined) {
  const url = /^postgres(ql)?:\/\//.test(address) && URL.canParse(address) ? new URL(address) : undefined;
  if (!url) throw new TypeError(`Write an address of PostgreSQL, such as \`${EXAMPLE}\`.`);
  const row = decodeURIComponent(url.hash.slice(1)) || 'default';
  const table = given ?? url.searchParams.get('table') ?? 'turnout_rules';
  url.searchParams.delete('table');
  url.hash = '';
  const connectionString = url.href;
  const name = `${url.protocol}//${url.host}${url.pathname}#${row}`;
  const quoted = table.split('.').map((part) => `"${part.replaceAll('"', '""')}"`);
  return { connectionString, row, name, table: quoted.join('.'), channel: quoted.at(-1) };
}

/** The channel of a table whose parts are quoted, as `pg_notify` has it. */
function channelName(table: string): string {
  const [, name = ''] = /"((?:[^"]|"")*)"$/.exec(table) ?? [];
  return name.replaceAll('""', '"');
}
