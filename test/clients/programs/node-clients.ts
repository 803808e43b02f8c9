import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { hide } from '../lab/hide.ts';
import { installNpmProgram } from '../lab/npm-program.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** What a project wants, and where from. */
export interface Wish {
  /** The registry of every package, with a slash at its end. */
  readonly registry: string;
  /** The registry of one scope. */
  readonly scope?: { readonly name: string; readonly registry: string };
  readonly dependencies: Readonly<Record<string, string>>;
}

/** One of the programs that install from npm registries. */
export interface NodeClient {
  readonly name: string;
  readonly version: string;
  readonly lockFile: string;
  /** How to install, and how to install what the lock file says and nothing else. */
  readonly install: readonly string[];
  readonly frozen: readonly string[];
  /** How to be told of a package. */
  readonly ask: (name: string) => readonly string[];
  /** What it says when there is no such package. */
  readonly unknown: RegExp;
  /** What it says when the registry refuses, and when it is out of order. */
  readonly refused: RegExp;
  readonly down: RegExp;
  /** The command, below the `node_modules` that it was installed into. */
  readonly command: (modules: string) => readonly string[];
  /** The files of a project. */
  readonly files: (wish: Wish) => Readonly<Record<string, string>>;
  /** The environment, with a folder for all that it remembers. */
  readonly env: (cache: string) => NodeJS.ProcessEnv;
}

const manifest = ({ dependencies }: Wish, more: object = {}): string =>
  JSON.stringify({ name: 'lab', version: '1.0.0', private: true, dependencies, ...more });

const npmrc = ({ registry, scope }: Wish, ...more: readonly string[]): string =>
  [`registry=${registry}`, ...(scope ? [`${scope.name}:registry=${scope.registry}`] : []), ...more, ''].join(
    '\n',
  );

const own = (file: string) => (modules: string) => [process.execPath, join(modules, file)];

const npm: NodeClient = {
  name: 'npm',
  version: '11.19.1',
  lockFile: 'package-lock.json',
  install: ['install'],
  frozen: ['ci'],
  ask: (name) => ['view', name],
  unknown: /E404[\s\S]*Not Found/,
  refused: /401/,
  down: /502/,
  command: own('npm/bin/npm-cli.js'),
  files: (wish) => ({
    'package.json': manifest(wish),
    '.npmrc': npmrc(wish, 'fund=false', 'audit=false', 'update-notifier=false', 'fetch-retries=0'),
  }),
  env: (cache) => ({ npm_config_cache: cache }),
};

const pnpm: NodeClient = {
  name: 'pnpm',
  version: '12.21.0',
  lockFile: 'pnpm-lock.yaml',
  install: ['install', '--no-frozen-lockfile'],
  frozen: ['install', '--frozen-lockfile'],
  ask: (name) => ['add', name],
  unknown: /404|Not Found/i,
  refused: /401/,
  down: /502/,
  command: (modules) => [join(modules, '.bin/pnpm')],
  files: (wish) => ({
    'package.json': manifest(wish),
    '.npmrc': npmrc(wish),
    'pnpm-workspace.yaml': 'fetchRetries: 0\n',
  }),
  env: (cache) => ({
    XDG_CACHE_HOME: join(cache, 'cache'),
    XDG_DATA_HOME: join(cache, 'data'),
    XDG_STATE_HOME: join(cache, 'state'),
    PNPM_HOME: join(cache, 'home'),
    CI: 'true',
  }),
};

const yarn1: NodeClient = {
  name: 'yarn 1',
  version: '1.22.22',
  lockFile: 'yarn.lock',
  install: ['install', '--non-interactive'],
  frozen: ['install', '--non-interactive', '--frozen-lockfile'],
  ask: (name) => ['add', '--non-interactive', name],
  unknown: /no-such-package: Not found/,
  refused: /401/,
  down: /502/,
  command: own('yarn/bin/yarn.js'),
  files: (wish) => ({ 'package.json': manifest(wish), '.npmrc': npmrc(wish) }),
  env: (cache) => ({ YARN_CACHE_FOLDER: cache }),
};

const yarn4: NodeClient = {
  name: 'yarn 4',
  version: '4.18.1',
  lockFile: 'yarn.lock',
  install: ['install'],
  frozen: ['install', '--immutable'],
  ask: (name) => ['npm', 'info', name],
  unknown: /Response Code: 404|Package not found/,
  refused: /Invalid authentication/,
  down: /502/,
  command: own('@yarnpkg/cli-dist/bin/yarn.js'),
  files: (wish) => ({
    'package.json': manifest(wish),
    'yarn.lock': '',
    '.yarnrc.yml': JSON.stringify({
      npmRegistryServer: wish.registry.slice(0, -1),
      ...(wish.scope && {
        npmScopes: { [wish.scope.name.slice(1)]: { npmRegistryServer: wish.scope.registry.slice(0, -1) } },
      }),
      unsafeHttpWhitelist: ['127.0.0.1', '127.0.0.2', '127.0.0.3'],
      npmMinimalAgeGate: 0,
      nodeLinker: 'node-modules',
      enableGlobalCache: false,
      enableTelemetry: false,
      httpRetry: 0,
    }),
  }),
  env: (cache) => ({
    YARN_CACHE_FOLDER: cache,
    YARN_GLOBAL_FOLDER: `${cache}-global`,
    YARN_ENABLE_IMMUTABLE_INSTALLS: '0',
  }),
};

const bun: NodeClient = {
  name: 'bun',
  version: '1.4.5',
  lockFile: 'bun.lock',
  install: ['install'],
  frozen: ['install', '--frozen-lockfile'],
  ask: (name) => ['add', name],
  unknown: /404/,
  refused: /401/,
  down: /502/,
  command: (modules) => [join(modules, '.bin/bun')],
  files: (wish) => ({ 'package.json': manifest(wish), '.npmrc': npmrc(wish) }),
  env: (cache) => ({
    BUN_INSTALL_CACHE_DIR: cache,
    BUN_CONFIG_HTTP_RETRY_COUNT: '0',
    BUN_INSTALL: `${cache}-home`,
  }),
};

const deno: NodeClient = {
  name: 'deno',
  version: '2.9.6',
  lockFile: 'deno.lock',
  install: ['install'],
  frozen: ['install', '--frozen'],
  ask: (name) => ['add', `npm:${name}`],
  unknown: /npm:no-such-package was not found/,
  refused: /401/,
  down: /502/,
  command: (modules) => [join(modules, '.bin/deno')],
  files: (wish) => ({
    'deno.json': JSON.stringify({
      nodeModulesDir: 'auto',
      imports: Object.fromEntries(
        Object.entries(wish.dependencies).map(([name, version]) => [name, `npm:${name}@${version}`]),
      ),
    }),
    '.npmrc': npmrc(wish),
  }),
  env: (cache) => ({ DENO_DIR: cache, DENO_NO_UPDATE_CHECK: '1' }),
};

/** The programs that install from npm registries. */
export const nodeClients: readonly NodeClient[] = [npm, pnpm, yarn1, yarn4, bun, deno];

const packages: Readonly<Record<string, string>> = { 'yarn 1': 'yarn', 'yarn 4': '@yarnpkg/cli-dist' };

/** A project folder of one of them. */
export interface NodeProject extends Stoppable {
  /** The folder. */
  readonly path: string;
  /** Runs the program in the project. */
  run(...args: readonly string[]): Promise<FinishedCommand>;
  /** The lock file. */
  lockFile(): Promise<string>;
  /** Reads a file of the project. */
  read(file: string): Promise<string>;
  /** Writes a file of the project. */
  write(file: string, text: string): Promise<void>;
  /** Removes what is installed, and everything that the program remembers. */
  clean(): Promise<void>;
}

/** Creates a project, with a program that has nothing of the machine's. */
export async function createNodeProject(
  client: NodeClient,
  wish: Wish,
  hidden: string,
  more: NodeJS.ProcessEnv = {},
): Promise<NodeProject> {
  const [command = '', ...first] = client.command(
    await installNpmProgram(packages[client.name] ?? client.name, client.version),
  );
  const home = await createTemporaryFolder();
  const path = join(home.path, 'project');
  await mkdir(path);
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), text);
  };
  for (const [file, text] of Object.entries(client.files(wish))) await write(file, text);
  let cache = await mkdtemp(join(home.path, 'cache-'));
  const read = (file: string): Promise<string> => readFile(join(path, file), 'utf8');

  return {
    path,
    read,
    write,
    lockFile: () => read(client.lockFile),
    async run(...args) {
      const env = { ...environment(), HOME: home.path, NO_COLOR: '1', ...client.env(cache), ...more };
      const { ok, stdout, output } = await run(command, [...first, ...args], {
        cwd: path,
        env,
        timeout: 180_000,
      });
      return { ok, stdout: hide(stdout, hidden), output: hide(output, hidden) };
    },
    async clean() {
      for (const folder of ['node_modules', '.yarn'])
        await rm(join(path, folder), { recursive: true, force: true });
      await rm(cache, { recursive: true, force: true });
      cache = await mkdtemp(join(home.path, 'cache-'));
    },
    stop: () => home.stop(),
  };
}

/** Without what a surrounding npm or test runner hands on. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|yarn_|bun_|deno_|vitest|node_|pnpm_|force_color|ci$)/i.test(name),
  );
  return Object.fromEntries(inherited);
}
