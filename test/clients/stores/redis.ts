import { runChecked } from '../lab/command.ts';
import { freePort } from '../lab/free-port.ts';
import { type RunningProcess, startProcess } from '../lab/process.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import type { Store } from './store.ts';

const PASSWORD = 'redis-password';

/** How a server of Redis is started. */
export interface RedisOptions {
  /** Lines of its configuration besides, as arguments. */
  readonly args?: readonly string[];
  /** Makes the address from the port. */
  readonly address?: (port: number) => string;
}

/** A store whose server may be talked to. */
export interface RedisStore extends Store {
  readonly port: number;
  /** Runs a command of Redis. */
  command(...args: readonly string[]): Promise<string>;
}

/** Starts a server of Redis that wants a password and keeps what it has on the disk. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisStore> {
  const { args = [], address = (number) => `redis://127.0.0.1:${number}/0#turnout` } = options;
  const folder = await createTemporaryFolder();
  const port = await freePort();
  let server: RunningProcess;
  const command = (...words: readonly string[]) =>
    runChecked('redis-cli', ['-p', `${port}`, '-a', PASSWORD, '--no-auth-warning', '-e', ...words]);

  async function revive(): Promise<void> {
    const listen = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder.path];
    const keep = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    const access = ['--requirepass', PASSWORD, '--masterauth', PASSWORD];
    server = startProcess('redis-server', [...listen, ...keep, ...access, ...args]);
    await server.waitFor(/Ready to accept connections/);
  }
  await revive();
  return {
    address: address(port),
    env: { TURNOUT_RULES_PASSWORD: PASSWORD },
    port,
    command,
    async put(text) {
      await command('SET', 'turnout', text);
      await command('PUBLISH', 'turnout', 'changed');
    },
    get: async () => (await command('GET', 'turnout')).replace(/\n$/, ''),
    async kill() {
      server.signal('SIGKILL');
      await server.exit();
    },
    revive,
    async stop() {
      await server.stop();
      await folder.stop();
    },
  };
}
