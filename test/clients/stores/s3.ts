import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

import { freePort } from '../lab/free-port.ts';
import type { Store } from './store.ts';

const ACCESS_KEY = 'AKIDEXAMPLE';
const SECRET_KEY = 'lab-secret-key';
const PATH = '/acme-config/rules/turnout.yaml';

/**
 * Starts a server with one object that speaks as much of S3 as is asked here: GET and PUT in the path's style, with
 * conditions, for who signs each request with Signature Version 4.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export async function startS3(): Promise<Store & { readonly refused: readonly string[] }> {
  const port = await freePort('127.0.0.3');
  const endpoint = `http://127.0.0.3:${port}`;
  const refused: string[] = [];
  let text: Buffer | undefined;
  let server: Server;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const problem = findProblem(request, body);
    if (problem !== undefined) {
      refused.push(problem);
      return fail(response, 403, 'SignatureDoesNotMatch', problem);
    }
    if (request.url?.split('?', 1)[0] !== PATH)
      return fail(response, 404, 'NoSuchKey', 'There is no such key.');
    if (request.method === 'PUT') return put(request, response, body);
    if (!text) return fail(response, 404, 'NoSuchKey', 'There is no such key.');
    const etag = tagOf(text);
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end();
    response
      .writeHead(200, { etag, 'content-length': text.length, 'content-type': 'application/yaml' })
      .end(text);
  }

  function put(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const condition = request.headers['if-match'];
    if (condition !== undefined && (!text || condition !== tagOf(text))) {
      fail(response, 412, 'PreconditionFailed', 'The object has changed.');
      return;
    }
    text = body;
    response.writeHead(200, { etag: tagOf(body) }).end();
  }

  async function revive(): Promise<void> {
    server = createServer(
      (request, response) => void answer(request, response).catch(() => response.destroy()),
    );
    server.listen(port, '127.0.0.3');
    await once(server, 'listening');
  }
  async function kill(): Promise<void> {
    server.close();
    server.closeAllConnections();
  }
  await revive();
  return {
    address: `s3:/${PATH}?endpoint=${encodeURIComponent(endpoint)}&region=eu-central-1`,
    env: { AWS_ACCESS_KEY_ID: ACCESS_KEY, AWS_SECRET_ACCESS_KEY: SECRET_KEY },
    refused,
    async put(next) {
      text = Buffer.from(next);
    },
    get: async () => `${text ?? ''}`,
    kill,
    revive,
    stop: kill,
  };
}

const tagOf = (text: Buffer): string => `"${createHash('md5').update(text).digest('hex')}"`;

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  );
}

/** Computes the signature of a request anew, and says what is wrong with the one that it has. */
function findProblem({ method, url = '', headers }: IncomingMessage, body: Buffer): string | undefined {
  const [, credential = '', signed = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([\da-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? [];
  const [key, ...scope] = credential.split('/');
  if (key !== ACCESS_KEY || scope.length !== 4) return `no credential of ours: ${headers.authorization}`;
  const digest = `${headers['x-amz-content-sha256']}`;
  if (digest !== 'UNSIGNED-PAYLOAD' && digest !== sha256(body)) return 'the body is not what was signed';
  const [path, query = ''] = url.split('?');
  const fields = signed.split(';').map((name) => `${name}:${`${headers[name] ?? ''}`.trim()}\n`);
  const canonical = [method, path, query.split('&').sort().join('&'), fields.join(''), signed, digest].join(
    '\n',
  );
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope.join('/'), sha256(canonical)].join('\n');
  const signingKey = scope.reduce<Buffer | string>((secret, part) => hmac(secret, part), `AWS4${SECRET_KEY}`);
  const right = timingSafeEqual(Buffer.from(signature, 'hex'), hmac(signingKey, text));
  return right ? undefined : `the signature is not that of\n${canonical}`;
}

const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: Buffer | string, data: string): Buffer => createHmac('sha256', key).update(data).digest();
