import {
  CREDENTIAL_SYNTAX,
  type Credential,
  type CredentialAudience,
  type CredentialProvider,
} from '../core/credential.ts';
import { UpstreamError } from './transport.ts';

/** A credential with the time for which it is good, in milliseconds since 1970. */
export interface TimedCredential {
  /** The credential, as it is used. */
  readonly credential: Credential;
  /** When it was asked for. */
  readonly fetched: number;
  /** When it expires. */
  readonly expires: number;
}

/** How long a provider may take, in milliseconds. */
const TIMEOUT = 30_000;
/** How long a credential is good that does not say so, in milliseconds. */
const DEFAULT_LIFE = 5 * 60_000;
/** The most that is told of what a provider throws. */
const LONGEST_REASON = 300;

/**
 * Calls a provider, and checks what it gives.
 *
 * @throws UpstreamError It throws, takes too long, or gives what is no credential; with the upstream in the message, and
 * nothing of a credential.
 */
export async function fetchCredential(
  provider: CredentialProvider,
  { origin, host }: CredentialAudience,
): Promise<TimedCredential> {
  const fetched = Date.now();
  const fail = (reason: string, status: 502 | 504 = 502) =>
    new UpstreamError(`${origin}: no credential could be fetched: ${reason}`, status);
  const provided = await limitTime(provider, { origin, host }, () =>
    fail(`its provider takes longer than ${TIMEOUT / 1000} seconds.`, 504),
  ).catch((error: unknown) => {
    // What was thrown stays out of the `cause`, too: nobody knows what else is in it.
    throw error instanceof UpstreamError ? error : fail(toReason(error));
  });
  const problem = findProblem(provided, fetched);
  if (problem !== undefined) throw fail(problem);
  const { expiresAt } = provided;
  return {
    credential: toCredential(provided),
    fetched,
    expires: expiresAt?.getTime() ?? fetched + DEFAULT_LIFE,
  };
}

/** Waits for a provider, but not for ever, and without keeping the process alive. */
async function limitTime(
  provider: CredentialProvider,
  upstream: CredentialAudience,
  explain: () => UpstreamError,
): Promise<ReturnType<CredentialProvider>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(explain()), TIMEOUT);
    // Elsewhere than on Node, it is a number.
    if (typeof timer === 'object') timer.unref();
  });
  try {
    return await Promise.race([provider(upstream), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The first line of what was thrown. */
function toReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.trim().split(/\p{Cc}/u, 1)[0] ?? '';
  return line === '' ? 'its provider failed.' : line.slice(0, LONGEST_REASON);
}

/** Says what is wrong with what a provider gives; a function in JavaScript may give anything. */
function findProblem(provided: unknown, now: number): string | undefined {
  if (typeof provided !== 'object' || provided === null)
    return `its provider gives ${provided === null ? 'null' : typeof provided}, which is no credential.`;
  const { username, password, token, expiresAt } = provided as Readonly<Record<string, unknown>>;
  if (token === undefined && (username === undefined || password === undefined))
    return 'its provider gives neither `username` and `password` nor a `token`.';
  if (token !== undefined && (username !== undefined || password !== undefined))
    return 'its provider gives a `token` beside `username` and `password`.';
  if (token !== undefined && !isWritten(token, CREDENTIAL_SYNTAX.token))
    return 'the `token` of its provider is not one word of printable ASCII.';
  if (token === undefined && !isWritten(username, CREDENTIAL_SYNTAX.username))
    return 'the `username` of its provider is not text in one line without a colon.';
  if (token === undefined && !isWritten(password, CREDENTIAL_SYNTAX.password))
    return 'the `password` of its provider is not text in one line.';
  return findTimeProblem(expiresAt, now);
}

function findTimeProblem(expiresAt: unknown, now: number): string | undefined {
  if (expiresAt === undefined) return undefined;
  if (!(expiresAt instanceof Date) || Number.isNaN(expiresAt.getTime()))
    return 'the `expiresAt` of its provider is not a date.';
  if (expiresAt.getTime() <= now)
    return `what its provider gives has expired already, at ${expiresAt.toISOString()}; is the clock right?`;
  return undefined;
}

function isWritten(value: unknown, syntax: RegExp): boolean {
  return typeof value === 'string' && syntax.test(value);
}

/** Leaves out when it expires, and whatever else a provider adds: a credential is known by its value. */
function toCredential(provided: Credential): Credential {
  if ('token' in provided && provided.token !== undefined) return { token: provided.token };
  const { username, password } = provided as Extract<Credential, { username: string }>;
  return { username, password };
}
