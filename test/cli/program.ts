import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

/** A program that has ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** Waits for its end. */
  readonly ended: Promise<Ended>;
  /** The first match in what it has printed, on either stream, as soon as there is one. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
}

/** A `turnout serve` that is ready. */
export interface Serving extends Running {
  /** Such as `http://127.0.0.1:4711`. */
  readonly origin: string;
  readonly port: number;
  /** Such as `http://127.0.0.1:4712`; empty without an admin address. */
  readonly admin: string;
  /** The rule file. */
  readonly file: string;
  /** The lines of the access log. */
  readonly access: readonly Readonly<Record<string, unknown>>[];
}

const bundle = join('node_modules', '.cache', 'turnout', `cli-${randomUUID()}.mjs`);

/** Bundles the program from its source before the tests of a file, and forgets it after them. */
export function bundleProgram(): void {
  beforeAll(async () => {
    await build({
      entryPoints: ['src/cli/turnout.ts'],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      // What is bundled starts in a third of the time; CommonJS modules in it ask for Node's own with `require`.
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
      logLevel: 'error',
    });
  });
  afterAll(() => rm(bundle, { force: true }));
}

/** Makes a folder with files that goes when the test does. */
export async function makeFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'turnout-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** Starts the program. */
export function start(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): Running {
  const { cwd = '.', env, input } = options;
  const child = spawn(process.execPath, [join(process.cwd(), bundle), ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(input ?? '');
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  return {
    child,
    ended,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    async printed(pattern) {
      const until = performance.now() + 5000;
      for (;;) {
        const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr);
        if (match) return match;
        if (performance.now() > until || child.exitCode !== null) {
          throw new Error(`There is no ${pattern} in ${JSON.stringify(output)}.`);
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

/** Runs the program to its end. */
export function run(
  args: readonly string[],
  options?: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string },
): Promise<Ended> {
  return start(args, options).ended;
}

/** Starts `turnout serve` on rules, and waits until it is ready. */
export async function serve(
  rules: string,
  { args = [], env }: { args?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<Serving> {
  const cwd = await makeFolder({ 'turnout.yaml': rules });
  const running = start(['serve', '--port', '0', '--admin', '0', ...args], { cwd, ...(env && { env }) });
  const [, origin = '', admin = ''] = await running.printed(
    /turnout ready at (\S+?)(?:, admin at (\S+?))?, \d+ rule.*\n/,
  );
  return {
    ...running,
    get stdout() {
      return running.stdout;
    },
    get stderr() {
      return running.stderr;
    },
    origin,
    admin,
    port: Number(new URL(origin).port),
    file: join(cwd, 'turnout.yaml'),
    get access() {
      const lines = running.stdout.split('\n').slice(0, -1);
      return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    },
  };
}

/** A rule file that redirects what is below `/dl/`. */
export const rulesTo = (to: string): string => `rules:
  - name: files
    protocol: file
    match: /dl/*path
    to: ${to}/*path
`;

/** A rule file that fetches everything. */
export const proxied = (to: string): string => `rules:
  - name: files
    protocol: file
    mode: proxy
    to: ${to}
`;
