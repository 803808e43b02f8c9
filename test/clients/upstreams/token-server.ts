import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { type Credentials, isBasic } from './credentials.ts';
import type { SigningKey } from './signing-key.ts';

/** How a token server decides. */
export interface TokenServerOptions {
  readonly service: string;
  readonly key: SigningKey;
  /** Whether it refuses anything but exactly one scope that it knows (as GHCR does), instead of granting what it can. */
  readonly strict?: boolean;
  /** The user that it serves; anybody when left out. */
  readonly credentials?: Credentials;
  /** Whether a repository exists. */
  readonly knows: (repository: string) => boolean;
  /** Seconds that a token is good for. @default 300 */
  readonly lifetime?: number;
  /** Where it listens. @default '127.0.0.4' */
  readonly address?: string;
}

/** A token server of the distribution project's kind: `GET /token?service=…&scope=…`. */
export interface TokenServer extends RecordingServer {
  /** The name that it signs with. */
  readonly issuer: string;
  readonly realm: string;
  /** Every token that it has issued. */
  readonly issued: ReadonlySet<string>;
  /** Whether a token of its own allows to pull a repository (any, when left out) at this moment. */
  allows(token: string | undefined, repository?: string): boolean;
}

interface Grant {
  readonly repositories: readonly string[];
  readonly expires: number;
}

/** Starts a token server. */
export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const { service, key, strict = false, credentials, knows, lifetime = 300, address = '127.0.0.4' } = options;
  const issuer = 'lab-issuer';
  const grants = new Map<string, Grant>();

  const server = await startRecordingServer(address, (request, response) => {
    if (request.method !== 'GET') return answer(response, 405, { errors: [{ code: 'UNSUPPORTED' }] });
    if (credentials && !isBasic(request.headers.authorization, credentials)) {
      return answer(response, 401, { errors: [{ code: 'UNAUTHORIZED' }] });
    }
    const asked = scopesOf(request);
    const granted = asked.filter(knows);
    if (strict && (asked.length !== 1 || granted.length !== 1)) {
      return answer(response, 403, { errors: [{ code: 'DENIED', message: 'requested access is denied' }] });
    }
    const token = issue(granted);
    return answer(response, 200, { token, access_token: token, expires_in: lifetime });
  });

  return {
    ...server,
    issuer,
    realm: `${server.origin}/token`,
    get issued() {
      return new Set(grants.keys());
    },
    allows(token, repository) {
      const grant = token === undefined ? undefined : grants.get(token);
      if (!grant || grant.expires <= Date.now()) return false;
      return repository === undefined || grant.repositories.includes(repository);
    },
  };

  function issue(repositories: readonly string[]): string {
    const now = Math.floor(Date.now() / 1000);
    const token = key.sign({
      iss: issuer,
      sub: '',
      aud: service,
      iat: now,
      nbf: now - 10,
      exp: now + lifetime,
      jti: randomUUID(),
      access: repositories.map((name) => ({ type: 'repository', name, actions: ['pull'] })),
    });
    grants.set(token, { repositories, expires: Date.now() + lifetime * 1000 });
    return token;
  }
}

/** The repositories of every `scope=repository:NAME:ACTIONS`; a scope of another form is a name that nobody knows. */
function scopesOf(request: IncomingMessage): string[] {
  const { searchParams } = new URL(request.url ?? '/', 'http://token.invalid');
  const scopes = searchParams.getAll('scope').flatMap((scope) => scope.split(' '));
  return scopes
    .filter((scope) => scope !== '')
    .map((scope) => /^repository:(.+):pull$/.exec(scope)?.[1] ?? '');
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
