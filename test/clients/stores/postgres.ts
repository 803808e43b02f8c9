import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run, runChecked } from '../lab/command.ts';
import { freePort } from '../lab/free-port.ts';
import { type RunningProcess, startProcess } from '../lab/process.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import type { Store } from './store.ts';

const PROGRAMS = '/usr/lib/postgresql/15/bin';
const PASSWORD = 'postgres-password';

/** The server refuses to run as root. */
const asPostgres = ['--reuid=postgres', '--regid=postgres', '--init-groups', '--'] as const;

/** The table as docs/sources.md has it: every writer notifies. */
const TABLE = `
CREATE TABLE turnout_rules (name text PRIMARY KEY, rules text NOT NULL);
CREATE FUNCTION notify_turnout() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_notify('turnout_rules', NEW.name); RETURN NEW; END $$;
CREATE TRIGGER turnout_rules_changed AFTER INSERT OR UPDATE ON turnout_rules
  FOR EACH ROW EXECUTE FUNCTION notify_turnout();`;

/** Starts a server of PostgreSQL that wants a password, with the table of rules. */
export async function startPostgres(): Promise<Store> {
  const folder = await createTemporaryFolder();
  const { uid, gid } = await identityOfPostgres();
  await chown(folder.path, uid, gid);
  const passwordFile = join(folder.path, 'password');
  await writeFile(passwordFile, `${PASSWORD}\n`, { mode: 0o644 });
  const data = join(folder.path, 'data');
  const port = await freePort();
  const init = [
    '--pgdata',
    data,
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--no-sync',
    '--encoding=UTF8',
  ];
  await runChecked('setpriv', [...asPostgres, `${PROGRAMS}/initdb`, ...init], { cwd: folder.path });

  const env = { ...process.env, PGPASSWORD: PASSWORD };
  const psql = (text: string) =>
    runChecked(
      'psql',
      ['-h', '127.0.0.1', '-p', `${port}`, '-U', 'postgres', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-c', text],
      { env },
    );
  let server: RunningProcess;

  async function revive(): Promise<void> {
    const args = ['-D', data, '-p', `${port}`, '-k', folder.path, '-c', 'listen_addresses=127.0.0.1'];
    server = startProcess('setpriv', [...asPostgres, `${PROGRAMS}/postgres`, ...args]);
    await server.waitFor(/database system is ready to accept connections/);
  }
  async function kill(): Promise<void> {
    // Immediate shutdown; a kill would leave its children behind.
    server.signal('SIGQUIT');
    await server.exit();
  }
  await revive();
  await psql(TABLE);
  return {
    address: `postgres://postgres@127.0.0.1:${port}/postgres#production`,
    env: { PGPASSWORD: PASSWORD },
    async put(text) {
      await psql(
        `INSERT INTO turnout_rules VALUES ('production', $rules$${text}$rules$) ON CONFLICT (name) DO UPDATE SET rules = EXCLUDED.rules`,
      );
    },
    get: async () =>
      (await psql("SELECT rules FROM turnout_rules WHERE name = 'production'")).replace(/\n$/, ''),
    kill,
    revive,
    async stop() {
      await kill();
      await folder.stop();
    },
  };
}

async function identityOfPostgres(): Promise<{ readonly uid: number; readonly gid: number }> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, 'postgres'])));
  return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
}
