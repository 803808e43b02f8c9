import type { IncomingMessage, ServerResponse } from 'node:http';

import { startUpstream, type Upstream } from './upstream.ts';

/** What a scripted registry asks of its clients. */
export interface RegistryManners {
  /** `lenient` gives tokens for whatever is asked, `strict` for exactly one scope that it knows. */
  readonly tokens?: 'lenient' | 'strict' | undefined;
  /** The `Authorization` without which there is no token, or with `basic` no answer. */
  readonly credential?: string | undefined;
  /** Whether the credential itself is asked for, without tokens. */
  readonly basic?: boolean | undefined;
}

/** A registry with one repository, `acme-inc/app`, its token server and its blob store, each on an address of its own. */
export interface Registry {
  readonly registry: Upstream;
  readonly tokens: Upstream;
  readonly blobs: Upstream;
  /** Makes every token that was given invalid. */
  revoke(): void;
}

/** A manifest, byte for byte. */
export const manifest = '{"schemaVersion":2, "layers":[] }';

/** The digest of the registry's one blob. */
export const digest: string = `sha256:${'ab'.repeat(32)}`;

const scope = 'repository:acme-inc/app:pull';

/** Starts a registry. */
export async function startRegistry(manners: RegistryManners = {}): Promise<Registry> {
  let valid = new Set<string>();
  let given = 0;

  const tokens = await startUpstream((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost');
    const scopes = searchParams.getAll('scope');
    if (manners.credential && request.headers.authorization !== manners.credential) {
      response.writeHead(401).end('{"errors":[]}');
    } else if (manners.tokens === 'strict' && (scopes.length !== 1 || scopes[0] !== scope)) {
      response.writeHead(403).end('{"errors":[]}');
    } else {
      const token = `token-${++given}`;
      valid.add(token);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ token, expires_in: 300 }));
    }
  }, '127.0.0.3');

  const blobs = await startUpstream((request, response) => {
    // As object stores do with a signed address.
    if (request.headers.authorization !== undefined)
      response.writeHead(400).end('Only one auth mechanism allowed');
    else if (request.method === 'HEAD') response.writeHead(403).end();
    else
      response
        .writeHead(200, { 'content-type': 'application/octet-stream', etag: '"blob"' })
        .end('blob bytes');
  }, '127.0.0.3');

  function refuses(request: IncomingMessage): string | undefined {
    const { authorization } = request.headers;
    if (manners.basic) return authorization === manners.credential ? undefined : 'Basic realm="registry"';
    if (!manners.tokens) return undefined;
    if (authorization?.startsWith('Bearer ') && valid.has(authorization.slice(7))) return undefined;
    return `Bearer realm="${tokens.origin}/token",service="registry.test",scope="${scope}"`;
  }

  const registry = await startUpstream((request, response) => {
    const challenge = refuses(request);
    if (challenge !== undefined) {
      response.writeHead(401, { 'www-authenticate': challenge, 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    } else {
      content(request, response, blobs.origin);
    }
  });

  return {
    registry,
    tokens,
    blobs,
    revoke: () => {
      valid = new Set();
    },
  };
}

function content({ url = '' }: IncomingMessage, response: ServerResponse, blobs: string): void {
  const prefix = '/v2/acme-inc/app';
  if (url === `${prefix}/manifests/1.0`) {
    const type = 'application/vnd.oci.image.manifest.v1+json';
    response.writeHead(200, {
      'content-type': type,
      'content-length': manifest.length,
      'docker-content-digest': digest,
    });
    response.end(manifest);
  } else if (url === `${prefix}/blobs/${digest}`) {
    response.writeHead(307, { location: `${blobs}/bucket/ab?X-Signature=a%2Fb+c%7e` }).end();
  } else if (url.startsWith(`${prefix}/tags/list`)) {
    const link = `<${prefix}/tags/list?n=1&last=1.0>; rel="next"`;
    response
      .writeHead(200, { 'content-type': 'application/json', link })
      .end('{"name":"acme-inc/app","tags":["1.0"]}');
  } else {
    response
      .writeHead(404, { 'content-type': 'application/json' })
      .end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
  }
}
