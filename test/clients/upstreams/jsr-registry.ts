import { createHash } from 'node:crypto';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';

/** A package of one version: its modules by path. */
export interface JsrPackage {
  readonly name: string;
  readonly version: string;
  readonly modules: Readonly<Record<string, string>>;
}

/** How a registry answers. */
export interface JsrOptions {
  /** The path of the registry, without a slash at its end. */
  readonly base?: string;
  /** Whether it sends its clients on, which deno does not take. */
  readonly redirects?: boolean;
  /** What becomes of a module on its way. */
  readonly spoil?: (source: string) => string;
}

/** Starts a registry in the shapes of JSR (jsr.io/docs/api). */
export function startJsrRegistry(
  packages: readonly JsrPackage[],
  { base = '', redirects = false, spoil = (source) => source }: JsrOptions = {},
): Promise<RecordingServer> {
  const files = new Map<string, readonly [type: string, text: string]>();
  for (const { name, version, modules } of packages) {
    const [scope = '', bare = ''] = name.slice(1).split('/');
    const versions = { [version]: { createdAt: '2024-01-01T00:00:00.000Z' } };
    put(`${name}/meta.json`, JSON.stringify({ scope, name: bare, latest: version, versions }));
    const manifest = Object.fromEntries(
      Object.entries(modules).map(([path, source]) => [
        path,
        { size: source.length, checksum: `sha256-${createHash('sha256').update(source).digest('hex')}` },
      ]),
    );
    put(`${name}/${version}_meta.json`, JSON.stringify({ manifest, exports: { '.': './mod.ts' } }));
    for (const [path, source] of Object.entries(modules))
      put(`${name}/${version}${path}`, spoil(source), 'text/typescript');
  }
  return startRecordingServer('127.0.0.2', (request, response) => {
    const path = request.url ?? '';
    const file = files.get(path.replace('/moved/', '/'));
    if (!file) response.writeHead(404, { 'content-type': 'text/plain' }).end('404 - Not Found');
    else if (redirects && !path.startsWith('/moved/'))
      response.writeHead(308, { location: `/moved${path}` }).end();
    else response.writeHead(200, { 'content-type': file[0] }).end(file[1]);
  });

  function put(path: string, text: string, type = 'application/json'): void {
    files.set(`${base}/${path}`, [type, text]);
  }
}
