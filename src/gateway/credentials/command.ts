import type { CredentialProvider } from '../../core/credential.ts';
import { readCommandOutput } from './command-output.ts';

/** Options of `commandCredential`. */
export interface CommandCredentialOptions {
  /**
   * The program, found on the `PATH`, and its arguments. No shell reads them; other users of the machine can, so that a
   * secret belongs in the environment.
   */
  readonly command: readonly string[];
  /** The name of the user whose password or token the program prints, when it does not print a name. */
  readonly username?: string | undefined;
  /** How long what it prints is good, when it does not say so; in milliseconds. Default five minutes. */
  readonly lifetime?: number | undefined;
  /** The whole environment of the program. Default that of this process, with all that is secret in it. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** How long it may take, in milliseconds. Default 20,000. */
  readonly timeout?: number | undefined;
}

/** In milliseconds. */
const DEFAULT_TIMEOUT = 20_000;

/**
 * Makes what runs a program for a credential.
 *
 * The program gets the upstream's host on stdin, as Docker's credential helpers want it, and prints at most 64 KiB: one
 * line of text, which is the password of `username`, or else a token; or the JSON of `aws ecr get-authorization-token`,
 * `gcloud config config-helper`, `az acr login --expose-token`, a Docker credential helper, a Kubernetes credential
 * plug-in, an OAuth 2 token endpoint, or `{ "username", "password" }` or `{ "token" }`, with `expiresAt` or `expiresIn`.
 * What it prints is never told; of what it says on stderr, the first line is, when it fails.
 *
 * @throws TypeError There is no program.
 *
 * @example
 * commandCredential({ command: ['aws', 'ecr', 'get-login-password'], username: 'AWS', lifetime: 12 * 3_600_000 })
 */
export function commandCredential(options: CommandCredentialOptions): CredentialProvider {
  const [program, ...parameters] = options.command;
  if (!program) throw new TypeError('command: write the name of a program, and its arguments.');
  const { username, lifetime, env, timeout = DEFAULT_TIMEOUT } = options;
  return async ({ host }) => {
    const now = Date.now();
    // Where no programs can be run, nothing is loaded for it.
    const { runProgram } = await import('./node-program.ts');
    const output = await runProgram(program, parameters, { input: `${host}\n`, env, timeout });
    const credential = readCommandOutput(output, username, now);
    if (typeof credential === 'string') throw new Error(`\`${program}\` prints ${credential}`);
    if (credential.expiresAt || lifetime === undefined) return credential;
    return { ...credential, expiresAt: new Date(now + lifetime) };
  };
}
