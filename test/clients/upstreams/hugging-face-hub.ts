import { createHash } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';

/** Where a server has its hub, and what it calls the repository of the lab. */
export interface HubLayout {
  /** The address that it listens on. */
  readonly address: string;
  /** The path below which it has everything; none by default. */
  readonly base?: string;
  /** `models/acme/tiny`, `datasets/acme/reviews`. */
  readonly repository: string;
  /** The token that it wants. */
  readonly token?: string;
  /** Where its large files are. */
  readonly store: RecordingServer;
}

/** The commit that `main` is at. */
export const COMMIT = '0123456789abcdef0123456789abcdef01234567';
/** A large file, which the hub has in a store. */
export const LARGE: Buffer = Buffer.alloc(100_000, 'the weights of a model ');
/** A small one, which it has itself. */
export const SMALL: Buffer = Buffer.from('{"model_type": "tiny"}\n');

const sha256 = createHash('sha256').update(LARGE).digest('hex');
const blob = createHash('sha1').update(`blob ${SMALL.length}\0`).update(SMALL).digest('hex');
const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${LARGE.length}\n`;
const entries = [
  { type: 'file', oid: blob, size: SMALL.length, path: 'config.json' },
  { type: 'directory', oid: blob, size: 0, path: 'onnx' },
  {
    type: 'file',
    oid: createHash('sha1').update(pointer).digest('hex'),
    size: LARGE.length,
    path: 'onnx/model.bin',
    lfs: { oid: sha256, size: LARGE.length, pointerSize: pointer.length },
  },
];

const FILES = entries.filter(({ type }) => type === 'file').map(({ path }) => path);

/** Starts a store of large files, whose addresses are signed for GET. */
export function startStore(address: string): Promise<RecordingServer> {
  return startRecordingServer(address, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://store');
    const signed = pathname === `/lfs/${sha256}` && searchParams.get('X-Sig') === 'a/b c+d';
    if (!signed || request.method !== 'GET' || request.headers.authorization) response.writeHead(403).end();
    else send(request, response, LARGE, '"of the store"');
  });
}

/** Starts a hub of one repository, whose tree comes in pages of one file. */
export function startHub(layout: HubLayout): Promise<RecordingServer> {
  const { address, base = '', repository, token } = layout;
  const files = `${base}/${repository.replace(/^models\//, '')}`;
  const api = `${base}/api/${repository}`;
  const kept = `${base}/api/resolve-cache/${repository}/${COMMIT}/config.json`;
  const isFile = new RegExp(`^${files}/(resolve|raw)/(?:main|${COMMIT})/(.+)$`);

  return startRecordingServer(address, (request, response) => {
    const url = new URL(request.url ?? '', `http://${request.headers.host}`);
    const [, view, path = ''] = isFile.exec(url.pathname) ?? [];
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      fail(response, 401, 'GatedRepo', 'Access to this repository is restricted.');
    else if (url.pathname === kept) send(request, response, SMALL, `"${blob}"`);
    else if (view === 'raw') send(request, response, Buffer.from(pointer), '"pointer"');
    else if (view !== undefined) sendFile(path);
    else if (url.pathname.startsWith(api)) return tell(url, url.pathname.slice(api.length));
    else fail(response, 404, 'RepoNotFound', 'Repository not found');
    return undefined;

    /** Small files are at another address of the hub, large ones in the store. */
    function sendFile(path: string): void {
      if (path === 'config.json') {
        const location = `${kept}?etag=%22${blob}%22`;
        response.writeHead(307, { ...link(blob, SMALL.length), location }).end();
      } else if (path !== 'onnx/model.bin') {
        fail(response, 404, 'EntryNotFound', 'Entry not found');
      } else if (url.searchParams.has('noContentDisposition')) {
        sendXet(response, `${url.origin}${api}/xet-read-token/${COMMIT}`);
      } else {
        const location = `${layout.store.origin}/lfs/${sha256}?X-Sig=a%2Fb+c%2bd`;
        response.writeHead(302, { ...link(sha256, LARGE.length), location }).end();
      }
    }

    function tell({ origin, pathname, searchParams }: URL, rest: string): Promise<void> | undefined {
      if (/^\/tree\/\w+$/.test(rest)) {
        const at = Number(searchParams.get('cursor') ?? 0);
        searchParams.set('cursor', String(at + 1));
        if (at + 1 < entries.length)
          response.setHeader('link', `<${origin}${pathname}?${searchParams}>; rel="next"`);
        sendJson(response, [entries[at]]);
      } else if (rest === '' || /^\/revision\/\w+$/.test(rest)) {
        const siblings = FILES.map((rfilename) => ({ rfilename }));
        sendJson(response, { id: repository.replace(/^\w+\//, ''), _id: '1', sha: COMMIT, siblings });
      } else if (rest === `/paths-info/${COMMIT}`) {
        return sendPaths(request, response);
      } else fail(response, 404, 'RepoNotFound', 'Repository not found');
      return undefined;
    }
  });
}

/** What the hub says of a file, beside its redirect. */
function link(etag: string, size: number): OutgoingHttpHeaders {
  return { 'x-repo-commit': COMMIT, 'x-linked-etag': `"${etag}"`, 'x-linked-size': size };
}

async function sendPaths(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { paths } = JSON.parse(Buffer.concat(chunks).toString()) as { paths: string[] };
  sendJson(
    response,
    entries.filter(({ path }) => paths.includes(path)),
  );
}

/** What a client that asks for chunks gets to know instead of the bytes. */
function sendXet(response: ServerResponse, token: string): void {
  const reconstruction = 'https://cas.example/v1/reconstructions/ab';
  response
    .writeHead(200, {
      'content-type': 'application/vnd.xet-fileinfo+json',
      'x-linked-etag': `"${sha256}"`,
      'x-linked-size': LARGE.length,
      'x-xet-hash': 'ab',
      link: `<${token}>; rel="xet-auth", <${reconstruction}>; rel="xet-reconstruction-info"`,
    })
    .end('{}');
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json; charset=utf-8').end(JSON.stringify(value));
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  response
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'x-error-code': code,
      'x-error-message': message,
    })
    .end(JSON.stringify({ error: message }));
}

/** Sends bytes, or the range of them that is asked for. */
function send(request: IncomingMessage, response: ServerResponse, bytes: Buffer, etag: string): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  response.setHeader('etag', etag).setHeader('accept-ranges', 'bytes');
  if (from === undefined) return void response.setHeader('content-length', bytes.length).end(bytes);
  const end = Math.min(to ? Number(to) : bytes.length - 1, bytes.length - 1);
  const part = bytes.subarray(Number(from), end + 1);
  response
    .writeHead(206, {
      'content-range': `bytes ${from}-${end}/${bytes.length}`,
      'content-length': part.length,
    })
    .end(part);
}
