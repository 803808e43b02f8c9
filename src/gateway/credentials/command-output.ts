import type { Credential, ProvidedCredential } from '../../core/credential.ts';
import { decodeUserAndPassword } from './user-and-password.ts';

/** JSON as read. */
type Json = Readonly<Record<string, unknown>>;

/** What one form of output has. */
interface Found {
  readonly username?: unknown;
  /** The user of a secret that is printed without one, unless another is told. */
  readonly usual?: string;
  readonly secret: unknown;
  readonly expires?: unknown;
}

/** The user of an access token of Google, as Artifact Registry knows it. */
const GOOGLE_USER = 'oauth2accesstoken';
/** The user of a token of Azure Container Registry, as its documentation has it. */
const AZURE_USER = '00000000-0000-0000-0000-000000000000';
/** What Docker's credential helpers give as the name beside a token that is good for other tokens alone. */
const IDENTITY_TOKEN = '<token>';

/**
 * Reads what a program prints for a credential.
 *
 * @returns What is wrong with it, for a sentence, when it is none; nothing of what was printed is in that.
 */
export function readCommandOutput(
  output: string,
  username: string | undefined,
  now: number,
): ProvidedCredential | string {
  const text = output.trim();
  if (text === '') return 'nothing.';
  if (!/^[[{]/.test(text)) {
    if (/[\r\n]/.test(text)) return 'several lines that are no JSON.';
    return toCredential({ secret: text }, username);
  }
  const data = parse(text);
  if (data === undefined) return 'text that starts like JSON, and is none.';
  for (const form of FORMS) {
    const found = form(data, now);
    if (found) return toCredential(found, username);
  }
  return 'JSON in which no credential is known.';
}

function parse(text: string): Json | undefined {
  try {
    const data: unknown = JSON.parse(text);
    return isObject(data) ? data : undefined;
  } catch {
    // The parser's message would show a piece of it.
    return undefined;
  }
}

type Form = (data: Json, now: number) => Found | undefined;

/** The forms that are known; the first that fits counts. */
const FORMS: readonly Form[] = [
  readPair,
  readToken,
  readDockerHelper,
  readKubernetes,
  readEcr,
  readGoogle,
  readAzure,
];

function readPair({ username, password, expiresAt, expiresIn }: Json, now: number): Found | undefined {
  if (password === undefined) return undefined;
  return { username, secret: password, expires: expiresAt ?? after(expiresIn, now) };
}

/** Also the answer of a token endpoint (RFC 6749, section 5.1), such as the metadata servers of clouds give. */
function readToken(data: Json, now: number): Found | undefined {
  const secret = data.token ?? data.access_token;
  if (secret === undefined) return undefined;
  const { username, expiresAt, expiresIn = data.expires_in } = data;
  return { username, secret, expires: expiresAt ?? after(expiresIn, now) };
}

/** https://github.com/docker/docker-credential-helpers */
function readDockerHelper({ Username, Secret }: Json): Found | undefined {
  return Secret === undefined ? undefined : { username: Username, secret: Secret };
}

/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
function readKubernetes({ status }: Json): Found | undefined {
  if (!isObject(status) || status.token === undefined) return undefined;
  return { secret: status.token, expires: status.expirationTimestamp };
}

/** `aws ecr get-authorization-token` */
function readEcr({ authorizationData }: Json): Found | undefined {
  const data: unknown = Array.isArray(authorizationData) ? authorizationData[0] : undefined;
  if (!isObject(data)) return undefined;
  const { username, password } = decodeUserAndPassword(data.authorizationToken) ?? {};
  return { username, secret: password, expires: data.expiresAt };
}

/** `gcloud config config-helper --format=json` */
function readGoogle({ credential }: Json): Found | undefined {
  if (!isObject(credential) || credential.access_token === undefined) return undefined;
  return { usual: GOOGLE_USER, secret: credential.access_token, expires: credential.token_expiry };
}

/** `az acr login --expose-token` */
function readAzure({ accessToken, loginServer }: Json): Found | undefined {
  if (accessToken === undefined || loginServer === undefined) return undefined;
  return { usual: AZURE_USER, secret: accessToken };
}

function toCredential(found: Found, known: string | undefined): ProvidedCredential | string {
  const { secret, expires } = found;
  const username = found.username ?? known ?? found.usual;
  if (typeof secret !== 'string' || secret === '') return 'a password or token that is no text.';
  if (username === IDENTITY_TOKEN)
    return 'an identity token, which only `docker` can use; have it print a name and a password.';
  if (username !== undefined && typeof username !== 'string') return 'a user name that is no text.';
  const expiresAt = toDate(expires);
  if (expiresAt === null) return 'an end of validity that is neither a date nor a number of seconds.';
  const credential: Credential = username === undefined ? { token: secret } : { username, password: secret };
  return { ...credential, expiresAt };
}

/** The time so many seconds from now, in seconds since 1970; what is no number stays as it is, and is told of later. */
function after(seconds: unknown, now: number): unknown {
  if (seconds === undefined || seconds === null) return undefined;
  return Number.isFinite(Number(seconds)) && seconds !== '' ? now / 1000 + Number(seconds) : seconds;
}

/** Later than this, a number of seconds since 1970 is one of milliseconds: in seconds, it is the year 5138. */
const MOST_SECONDS = 1e11;

/** A date from text (RFC 3339) or from a number of seconds since 1970; `null` when it is neither. */
function toDate(value: unknown): Date | undefined | null {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const seconds = typeof value === 'number' ? value : Number(value);
  if (Number.isFinite(seconds) && value !== '')
    return new Date(seconds > MOST_SECONDS ? seconds : seconds * 1000);
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
