import { spawn } from 'node:child_process';

/** How to run a command. */
export interface CommandOptions {
  /** The working folder. */
  readonly cwd?: string;
  /** The whole environment; this process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds after which the command is killed. @default 60_000 */
  readonly timeout?: number;
}

/** A command that has come to its end. */
export interface FinishedCommand {
  /** Whether it exited with 0. */
  readonly ok: boolean;
  /** What it wrote to its standard output. */
  readonly stdout: string;
  /** What it wrote to either, in the order it came. */
  readonly output: string;
}

/** Runs a command to its end, with no standard input. Never rejects. */
export function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<FinishedCommand> {
  const { timeout = 60_000, ...rest } = options;
  return new Promise((resolve) => {
    let stdout = '';
    let output = '';
    const child = spawn(command, args, {
      ...rest,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout,
      killSignal: 'SIGKILL',
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', (error) => resolve({ ok: false, stdout, output: `${output}${error.message}\n` }));
    child.on('close', (code, signal) => {
      resolve({ ok: code === 0, stdout, output: signal === null ? output : `${output}(${signal})\n` });
    });
  });
}

/** Runs a command that has to succeed, and gives its standard output. */
export async function runChecked(
  command: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<string> {
  const finished = await run(command, args, options);
  if (!finished.ok) throw new Error(`${command} ${args.join(' ')} failed:\n${finished.output}`);
  return finished.stdout;
}
