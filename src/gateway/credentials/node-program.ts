import type { ExecFileException } from 'node:child_process';

/** What a program is run with. */
export interface ProgramOptions {
  /** What it finds on stdin. */
  readonly input: string;
  /** Its environment; that of this process when left out. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
  /** How long it may take, in milliseconds. */
  readonly timeout: number;
}

/** The most that it may print on stdout or stderr, in bytes. */
const MOST = 64 * 1024;

/**
 * Runs a program without a shell, and gives what it prints on stdout.
 *
 * @throws Error It cannot be run, fails, takes too long or prints too much; with nothing of what it printed on stdout
 * and nothing of its arguments in the message, and no `cause`.
 */
export async function runProgram(
  program: string,
  parameters: readonly string[],
  { input, env, timeout }: ProgramOptions,
): Promise<string> {
  // Imported here, as a bundle for a Worker is one module, which could not be loaded where there are no programs.
  const { execFile } = await import('node:child_process');
  return new Promise((resolve, reject) => {
    const options = {
      encoding: 'utf8',
      maxBuffer: MOST,
      timeout,
      killSignal: 'SIGKILL',
      windowsHide: true,
      shell: false,
      ...(env && { env }),
    } as const;
    const fail = (error: ExecFileException, stderr: string) =>
      reject(new Error(`\`${program}\` ${explain(error, stderr, timeout)}`));
    try {
      const child = execFile(program, parameters, options, (error, stdout, stderr) =>
        error ? fail(error, stderr) : resolve(stdout),
      );
      // Most programs end without having read it.
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    } catch (error) {
      fail(error as ExecFileException, '');
    }
  });
}

/** What Node says of it has the arguments in it. */
function explain(error: ExecFileException, stderr: string, timeout: number): string {
  const { code, killed, signal } = error;
  const systemCode = code as string | number | null | undefined;
  if (systemCode === 'ENOENT') return 'is not there; install it, or write its whole path.';
  if (systemCode === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `prints more than ${MOST / 1024} KiB.`;
  if (killed) return `has not ended after ${timeout / 1000} seconds.`;
  if (typeof systemCode === 'string') return `cannot be run: ${systemCode}.`;
  const [line = ''] = stderr.trim().split(/\r?\n/, 1);
  const end = typeof systemCode === 'number' ? `exits with ${systemCode}` : `is ended by ${signal}`;
  return line === '' ? `${end}.` : `${end}: ${line}`;
}
