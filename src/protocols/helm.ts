/**
 * Helm's chart repositories: an index, and the charts that it lists. Charts in OCI registries are of `oci`.
 *
 * @see https://helm.sh/docs/topics/chart_repository/
 * @module
 */

import { refusePlainly } from '../core/plain-refusal.ts';
import type { Answer, Lead, Protocol, Tools } from '../core/protocol.ts';
import { leaveDocument } from '../core/read-document.ts';
import { rewriteIndex } from './_helm-index.ts';

/** The list of all charts: `/index.yaml`. */
export interface HelmIndex {
  /** The kind of resource. */
  readonly type: 'index';
}

/** A chart, or its provenance, wherever the upstream has it: `/charts/<name>/<version>/<file>`. */
export interface HelmChart {
  /** The kind of resource. */
  readonly type: 'chart';
  /** The chart's name. */
  readonly name: string;
  /** The version. */
  readonly version: string;
  /** The file's name; with `.prov` at its end for the provenance. */
  readonly file: string;
}

/** A file that the index names relative to itself: `/<path>.tgz`, `/<path>.tgz.prov`. */
export interface HelmFile {
  /** The kind of resource. */
  readonly type: 'file';
  /** The path. */
  readonly path: string;
}

/** Anything that a client asks of a chart repository. */
export type HelmResource = HelmIndex | HelmChart | HelmFile;

const WORD = /^[\dA-Za-z][\w.+-]*$/;
const CHART = /^\/charts\/([\dA-Za-z][\w.+-]*)\/([\dA-Za-z][\w.+-]*)\/([\dA-Za-z][\w.+-]*)$/;
const FILE = /^\/(?:[\w.+~@-]+\/)*[\dA-Za-z][\w.+~@-]*$/;
/** For how long a chart is where it was, in seconds. */
const KEPT = 60;
/** How soon an index is read again because something is not in it, in seconds. */
const AGAIN = 10;

/** The protocol of Helm's chart repositories. */
export const helm: Protocol<HelmResource> = {
  name: 'helm',
  subjects: 'name',

  parse({ method, path }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === '/index.yaml') return { type: 'index' };
    if (!path.endsWith('.tgz') && !path.endsWith('.tgz.prov')) return undefined;
    // Of registries of containers, whose paths mean nothing else.
    if (path.startsWith('/v2/')) return undefined;
    const [, name, version = '', file = ''] = CHART.exec(path) ?? [];
    if (name !== undefined) return { type: 'chart', name, version, file };
    return FILE.test(path) ? { type: 'file', path } : undefined;
  },

  format(resource) {
    switch (resource.type) {
      case 'index':
        return '/index.yaml';
      case 'chart':
        return `/charts/${resource.name}/${resource.version}/${resource.file}`;
      case 'file':
        return resource.path;
    }
  },

  subject(resource) {
    if (resource.type === 'index') return undefined;
    return resource.type === 'chart' ? resource.name : nameOf(resource.path);
  },

  deliver(resource) {
    switch (resource.type) {
      case 'index':
        // A client takes the charts' addresses from this document.
        return { type: 'proxy', delivery: 'rewrite' };
      case 'chart':
        return { type: 'carry' };
      case 'file':
        return { type: 'redirect', status: 302 };
    }
  },

  async carry(resource, _, tools) {
    return resource.type === 'chart' ? findChart(resource, tools) : refuseStatus(404);
  },

  refuse: refusePlainly,

  rewrite(resource, { headers, body }, { publicUrl }) {
    if (resource.type !== 'index') return { headers, body };
    const replace = (name: string, version: string, address: string): string | undefined => {
      if (!isElsewhere(address) || !WORD.test(name) || !WORD.test(version)) return undefined;
      return `${publicUrl}/charts/${name}/${version}/${fileOf(address) ?? `${name}-${version}.tgz`}`;
    };
    return { headers, body: rewriteIndex(body, replace) };
  },

  usage: (subject, publicUrl) => `helm pull ${subject} --repo ${publicUrl}`,
};

/** Whether an address leaves the repository, as clients resolve it; `oci://` is another protocol's. */
function isElsewhere(address: string): boolean {
  return /^(?:https?:)?\/|^\.\.\//i.test(address) || address.includes('/../');
}

/** The file's name in an address, which the provenance names too. */
function fileOf(address: string): string | undefined {
  const [path = ''] = address.split(/[?#]/, 1);
  const file = path.slice(path.lastIndexOf('/') + 1);
  return file.endsWith('.tgz') && WORD.test(file) ? file : undefined;
}

/** The name of a chart in its file's name, whose parts may both have hyphens: a version starts with two numbers. */
function nameOf(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1).replace(/\.tgz(?:\.prov)?$/, '');
  const version = file.search(/-v?\d+\.\d/);
  return version < 1 ? file : file.slice(0, version);
}

/** Where the index says that a chart is; asked for anew when a chart is not in the one that is kept. */
async function findChart(resource: HelmChart, tools: Tools): Promise<Answer | Lead> {
  const index = tools.locate({ type: 'index' });
  for (let again = true; ; again = false) {
    const kept = await tools.keep('index', KEPT, () => listCharts(tools));
    if (/^\d+$/.test(kept)) {
      tools.forget('index');
      return refuseStatus(Number(kept));
    }
    const address = pick(kept, resource);
    if (address !== undefined && URL.canParse(address, index))
      return { url: withEnd(new URL(address, index), resource.file), status: 302 };
    if (!again || !(await mayAskAgain(tools))) return refuseStatus(404);
    tools.forget('index');
  }
}

async function mayAskAgain(tools: Tools): Promise<boolean> {
  let first = false;
  await tools.keep('again', AGAIN, async () => {
    first = true;
    return '';
  });
  return first;
}

/** All addresses of an index, one a line: name, version, address; or the status with which there is none. */
async function listCharts(tools: Tools): Promise<string> {
  const index: HelmIndex = { type: 'index' };
  const { status, body } = await tools.fetch(index);
  if (status !== 200) {
    await leaveDocument(body);
    return String(status);
  }
  const lines: string[] = [''];
  const scanned = rewriteIndex(body, (name, version, address) => {
    if (!/\s/.test(name + version + address)) lines.push(`${name} ${version} ${address}`);
    return undefined;
  });
  for await (const _ of scanned);
  return `${lines.join('\n')}\n`;
}

/** The address of a version with this file, or else its first. */
function pick(list: string, { name, version, file }: HelmChart): string | undefined {
  const start = `\n${name} ${version} `;
  const chart = file.replace(/\.prov$/, '');
  let first: string | undefined;
  for (let at = list.indexOf(start); at !== -1; at = list.indexOf(start, at + 1)) {
    const from = at + start.length;
    const address = list.slice(from, list.indexOf('\n', from));
    if (fileOf(address) === chart) return address;
    first ??= address;
  }
  return first;
}

/** The provenance is beside its chart (Helm, "Helm Provenance and Integrity"). */
function withEnd(url: URL, file: string): string {
  if (file.endsWith('.prov')) url.pathname += '.prov';
  return url.href;
}

function refuseStatus(status: number): Answer {
  if (status === 401 || status === 403)
    return refusePlainly({ status, message: 'The chart repository does not give this to this client.' });
  return refusePlainly({ status: 404, message: 'The chart repository does not have this.' });
}
