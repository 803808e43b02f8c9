import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { writeTar } from './tar.ts';
import { makeZip } from './zip.ts';

/** What a distribution says of itself. */
export interface DistributionDescription {
  readonly name: string;
  readonly version: string;
  /** What it needs, as in `Requires-Dist`. */
  readonly requires?: readonly string[];
  /** @default wheel */
  readonly kind?: 'wheel' | 'sdist';
}

/** A distribution. */
export interface Distribution extends DistributionDescription {
  readonly file: string;
  readonly body: Buffer;
  readonly metadata: string;
  readonly sha256: string;
}

/** What an index is like. */
export interface PythonIndexOptions {
  readonly address: string;
  /**
   * `api`: a page has two forms, with metadata beside wheels, as on pypi.org. `static`: HTML with relative links, as a
   * folder of files. `base`: HTML whose links are below its `<base>`.
   */
  readonly layout: 'api' | 'static' | 'base';
  /** Where the `simple` is below its origin; with slashes at both ends. */
  readonly base: string;
  /** Another server, which has the files. */
  readonly files?: PythonFiles;
  /** The name and password, with a colon between, without which nothing is shown. */
  readonly user?: string;
}

/** A server of files for an index. */
export interface PythonFiles extends RecordingServer {
  /** Puts a file at a path. */
  put(path: string, body: Buffer | string): void;
}

/** An index. */
export interface PythonIndex extends RecordingServer {
  /** The address above its `simple`, without a slash at its end. */
  readonly url: string;
  /** Adds distributions to what it has. */
  add(...distributions: readonly Distribution[]): void;
}

/** Makes a distribution, whose module has its version. */
export function makeDistribution(description: DistributionDescription): Distribution {
  const { name, version, requires = [], kind = 'wheel' } = description;
  const module = name.replaceAll('-', '_');
  const needs = requires.map((need) => `Requires-Dist: ${need}\n`).join('');
  const metadata = `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${needs}`;
  const code = `version = '${version}'\nkind = '${kind}'\n`;
  const file = kind === 'wheel' ? `${module}-${version}-py3-none-any.whl` : `${module}-${version}.tar.gz`;
  const body =
    kind === 'wheel'
      ? makeWheel(`${module}-${version}`, module, code, metadata)
      : makeSdist(`${module}-${version}`, module, code, description, metadata);
  return { ...description, file, body, metadata, sha256: createHash('sha256').update(body).digest('hex') };
}

function makeWheel(stem: string, module: string, code: string, metadata: string): Buffer {
  const info = `${stem}.dist-info`;
  const paths = [`${module}.py`, `${info}/METADATA`, `${info}/WHEEL`, `${info}/RECORD`];
  return makeZip({
    [`${module}.py`]: code,
    [`${info}/METADATA`]: metadata,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: paths.map((path) => `${path},,\n`).join(''),
  });
}

function makeSdist(
  stem: string,
  module: string,
  code: string,
  { name, version }: DistributionDescription,
  metadata: string,
): Buffer {
  const setup = `from setuptools import setup\nsetup(name='${name}', version='${version}', py_modules=['${module}'])\n`;
  const files = { 'PKG-INFO': metadata, 'setup.py': setup, [`${module}.py`]: code };
  const entries = Object.entries(files).map(([path, text]) => ({
    name: `${stem}/${path}`,
    body: Buffer.from(text),
  }));
  return gzipSync(writeTar(entries));
}

/** Starts a server of files. */
export async function startPythonFiles(address: string): Promise<PythonFiles> {
  const files = new Map<string, Buffer | string>();
  const server = await startRecordingServer(address, (request, response) => {
    const body = files.get(request.url ?? '');
    if (body === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body);
  });
  return { ...server, put: (path, body) => void files.set(path, body) };
}

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
const HTML_TYPE = 'application/vnd.pypi.simple.v1+html';

/** Starts an index. */
export async function startPythonIndex(options: PythonIndexOptions): Promise<PythonIndex> {
  const { address, layout, base, files, user } = options;
  const own = new Map<string, Buffer | string>();
  const distributions: Distribution[] = [];
  const challenge = { 'www-authenticate': 'Basic realm="lab"' };
  const server = await startRecordingServer(address, (request, response) => {
    const { url = '', headers } = request;
    if (user !== undefined && headers.authorization !== `Basic ${btoa(user)}`)
      return void response.writeHead(401, challenge).end();
    const file = own.get(url);
    if (file !== undefined) return void response.writeHead(200).end(file);
    const project = /^simple\/([a-z\d-]+)\/$/.exec(url.startsWith(base) ? url.slice(base.length) : '')?.[1];
    const found = distributions.filter(({ name }) => name === project);
    if (found.length === 0) return void response.writeHead(404, { 'content-type': 'text/html' }).end();
    const wants = layout === 'api' ? (headers.accept ?? '') : '';
    if (wants.startsWith(JSON_TYPE))
      return void response.writeHead(200, { 'content-type': JSON_TYPE }).end(jsonPage(found));
    const type = wants.startsWith(HTML_TYPE) ? HTML_TYPE : 'text/html';
    response.writeHead(200, { 'content-type': type }).end(htmlPage(found));
  });

  /** Where a file is, on whichever server has it. */
  function pathOf({ name, file, sha256 }: Distribution): string {
    if (layout === 'api') return `/packages/${sha256.slice(0, 2)}/${sha256.slice(2)}/${file}`;
    return layout === 'static' ? `${base}packages/${name}/${file}` : `/depot/${file}`;
  }

  function linkTo(distribution: Distribution): string {
    const { name, file } = distribution;
    if (layout === 'base') return file;
    if (layout === 'static' && !files) return `../../packages/${name}/${file}`;
    return (files ?? server).origin + pathOf(distribution);
  }

  function jsonPage(found: readonly Distribution[]): string {
    return JSON.stringify({
      meta: { 'api-version': '1.1' },
      name: found[0]?.name,
      files: found.map((distribution) => ({
        filename: distribution.file,
        url: linkTo(distribution),
        hashes: { sha256: distribution.sha256 },
        ...(distribution.kind !== 'sdist' && {
          'core-metadata': { sha256: createHash('sha256').update(distribution.metadata).digest('hex') },
        }),
      })),
      versions: [...new Set(found.map(({ version }) => version))],
    });
  }

  function htmlPage(found: readonly Distribution[]): string {
    const links = found.map(
      (each) =>
        `<a href="${linkTo(each)}#sha256=${each.sha256}" data-requires-python="&gt;=3">${each.file}</a>`,
    );
    const head = layout === 'base' ? `<base href="/depot/">` : '';
    return `<!DOCTYPE html><html><head>${head}<title>Links</title></head><body>${links.join('<br>\n')}</body></html>`;
  }

  return {
    ...server,
    url: server.origin + base.slice(0, -1),
    add(...more) {
      distributions.push(...more);
      for (const distribution of more) {
        const path = pathOf(distribution);
        const put = (at: string, body: Buffer | string): void =>
          files ? files.put(at, body) : void own.set(at, body);
        put(path, distribution.body);
        if (layout === 'api' && distribution.kind !== 'sdist') put(`${path}.metadata`, distribution.metadata);
      }
    },
  };
}
