import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import type { Stoppable } from '../lab/cleanup.ts';
import { run } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { answerGit } from './git-backend.ts';

/** What a host knows of one project: a bare repository, and its releases. */
export interface Project {
  /** The folder that has `repository.git`. */
  readonly folder: string;
  /** The files of each release, by tag. */
  readonly releases: Readonly<Record<string, Readonly<Record<string, Buffer>>>>;
  /** The tag of the latest release. */
  latest: string;
  /** A file that the repository has as a pointer only. */
  readonly large: Buffer;
}

/** A host, with where it keeps what is large. */
export interface SourceHost extends Stoppable {
  /** What `to` says of the project here. */
  readonly to: string;
  /** The host. */
  readonly site: RecordingServer;
  /** The store to which it sends clients on; the same as `site` where it does not. */
  readonly store: RecordingServer;
}

/** How a kind of host is made. */
interface Recipe {
  /** The path of the project. */
  readonly path: string;
  /** Answers what is asked below the project. */
  answer(asked: Asked): void | Promise<void>;
}

/** A request for something below the project. */
interface Asked {
  readonly project: Project;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What follows the path of the project. */
  readonly rest: string;
  /** The origins of the host and of its store. */
  readonly site: string;
  readonly store: string;
  /** Sends the client on. */
  redirect(location: string, status?: number): void;
  /** Sends a file. */
  send(body: Buffer | undefined, headers?: Readonly<Record<string, string>>): void;
}

/** GitHub: everything is in stores on other hosts, behind signed addresses. */
const github: Recipe = {
  path: '/acme/cli',
  answer(asked) {
    const { rest, project, store, redirect } = asked;
    const release = /^\/releases\/download\/([^/]+)\/([^/]+)$/.exec(rest);
    if (release) return redirect(`${store}/signed/${release[1]}/${release[2]}?sig=a%2Bb%3D&se=1`);
    if (rest === '/releases/latest') return redirect(`${asked.site}/acme/cli/releases/tag/${project.latest}`);
    const latest = /^\/releases\/latest\/download\/([^/]+)$/.exec(rest)?.[1];
    if (latest) return redirect(`${asked.site}/acme/cli/releases/download/${project.latest}/${latest}`);
    if (rest.startsWith('/releases/tag/')) return asked.send(Buffer.from('<html>a page</html>'));
    const archive = /^\/archive\/(.+)\.(tar\.gz|zip)$/.exec(rest);
    if (archive) return redirect(`${store}/codeload/${archive[2]}/${archive[1]}`);
    const raw = /^\/raw\/(.+)$/.exec(rest)?.[1];
    return raw ? redirect(`${store}/raw/${raw}`) : asked.send(undefined);
  },
};

/** GitLab: source is its own, and files of releases are links. */
const gitlab: Recipe = {
  path: '/acme/tools/cli',
  answer(asked) {
    const { rest, project, store, redirect } = asked;
    if (rest === '/-/releases/permalink/latest')
      return redirect(`${asked.site}/acme/tools/cli/-/releases/${project.latest}`);
    const release = /^\/-\/releases\/([^/]+)\/downloads\/(.+)$/.exec(rest);
    if (release) return redirect(`${store}/signed/${release[1]}/${release[2]}?X-Amz-Signature=a%2Bb`);
    const [, ref = '', format] = /^\/-\/archive\/(.+)\/cli-[^/]+\.(tar\.gz|zip)$/.exec(rest) ?? [];
    if (format) return sendArchive(asked, ref, format);
    const raw = /^\/-\/raw\/(.+)$/.exec(rest)?.[1];
    return raw ? sendRaw(asked, raw) : asked.send(undefined);
  },
};

/** Gitea and Forgejo: everything is its own; a reference says of which kind it is. */
const gitea: Recipe = {
  path: '/acme/cli',
  answer(asked) {
    const { rest, project, redirect, site } = asked;
    const release = /^\/releases\/download\/([^/]+)\/([^/]+)$/.exec(rest);
    if (release) return asked.send(fileOf(project, release[1], release[2]), DISPOSITION);
    if (rest === '/releases/latest') return redirect(`${site}/acme/cli/releases/tag/${project.latest}`, 303);
    if (rest.startsWith('/releases/tag/')) return asked.send(Buffer.from('<html>a page</html>'));
    const archive = /^\/archive\/(.+)\.(tar\.gz|zip)$/.exec(rest);
    if (archive) return sendArchive(asked, archive[1] ?? '', archive[2] ?? '');
    const raw = /^\/raw\/(?:branch|tag|commit)\/(.+)$/.exec(rest)?.[1];
    if (raw) return sendRaw(asked, raw);
    const plain = /^\/raw\/(.+)$/.exec(rest)?.[1];
    return plain ? redirect(`${site}/acme/cli/raw/branch/${plain}`, 303) : asked.send(undefined);
  },
};

/** Bitbucket: downloads are of the repository, and in a store. */
const bitbucket: Recipe = {
  path: '/acme/cli',
  answer(asked) {
    const { rest, store, redirect } = asked;
    const file = /^\/downloads\/([^/]+)$/.exec(rest)?.[1];
    if (file) return redirect(`${store}/signed/v1.2.0/${file}?Signature=a%2Bb`);
    const archive = /^\/get\/(.+)\.(tar\.gz|zip)$/.exec(rest);
    if (archive) return sendArchive(asked, archive[1] ?? '', archive[2] ?? '');
    const raw = /^\/raw\/(.+)$/.exec(rest)?.[1];
    return raw ? sendRaw(asked, raw) : asked.send(undefined);
  },
};

/** SourceForge: folders of files, behind a chain of redirects to a mirror. */
const sourceforge: Recipe = {
  path: '/project/acme',
  answer({ rest, store, site, redirect, request }) {
    if (!request.url?.includes('use_mirror='))
      return redirect(`${site}/project/acme${rest}?ts=gAAA%3D&use_mirror=lab`);
    return redirect(`${store}/signed${rest.replace('/cli/', '/')}`);
  },
};

/** A server of files. */
const template: Recipe = {
  path: '/dl',
  answer({ rest, project, send }) {
    const [, tag, file] = rest.split('/');
    send(fileOf(project, tag, file));
  },
};

/** The kinds of hosts that there are. */
export type HostKind = 'github' | 'gitlab' | 'gitea' | 'bitbucket' | 'sourceforge' | 'template';

const recipes: Readonly<Record<HostKind, Recipe>> = {
  github,
  gitlab,
  gitea,
  bitbucket,
  sourceforge,
  template,
};

const DISPOSITION = { 'content-disposition': 'attachment; filename="as-the-host-calls-it"' };

/** Starts a host of a kind that has one project; with `authorization`, it serves nobody who does not show it. */
export async function startSourceHost(
  kind: HostKind,
  project: Project,
  authorization?: string,
): Promise<SourceHost> {
  const { path, answer } = recipes[kind];
  const store = await startStore(project);
  const site = await startRecordingServer('127.0.0.2', async (request, response) => {
    const [pathname = ''] = (request.url ?? '').split('?', 1);
    const redirect: Asked['redirect'] = (location, status = 302) =>
      void response.writeHead(status, { location, 'content-type': 'text/html' }).end('<html>moved</html>');
    const send = (body: Buffer | undefined, headers = {}) => sendFile(request, response, body, headers);
    if (authorization && request.headers.authorization !== authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="host"' }).end('log in');
    } else if (pathname === '/projects/acme/best_release.json') {
      send(Buffer.from(JSON.stringify({ release: { filename: `/cli/${project.latest}/cli.tgz` } })));
    } else if (pathname === `${path}.git/info/lfs/objects/batch`) {
      await answerLargeFiles(request, response, store.origin);
    } else if (pathname.startsWith(`${path}.git/`)) {
      const below = pathname.slice(path.length + 4);
      await answerGit(request, response, project.folder, `/repository.git${below}`);
    } else if (pathname.startsWith(`${path}/`)) {
      const rest = pathname.slice(path.length);
      await answer({
        project,
        request,
        response,
        rest,
        site: site.origin,
        store: store.origin,
        redirect,
        send,
      });
    } else response.writeHead(404).end('<html>no such page</html>');
  });
  return {
    to: toOf(kind, site.origin + path),
    site,
    store,
    stop: async () => void (await Promise.all([site.stop(), store.stop()])),
  };
}

/** Git LFS: a list of addresses, each of one file. */
async function answerLargeFiles(
  request: IncomingMessage,
  response: ServerResponse,
  store: string,
): Promise<void> {
  const { objects } = JSON.parse(await text(request)) as { objects: readonly { readonly oid: string }[] };
  const actions = { download: { href: `${store}/large/signed?sig=a%2Bb` } };
  const body = JSON.stringify({
    transfer: 'basic',
    objects: objects.map((object) => ({ ...object, actions })),
  });
  response.writeHead(200, { 'content-type': 'application/vnd.git-lfs+json' }).end(body);
}

function toOf(kind: HostKind, url: string): string {
  if (kind === 'template') return `${url}/:tag/:file`;
  return `${kind}:${url}${kind === 'sourceforge' ? '/cli' : ''}`;
}

/** A store on another host: it takes no credential, as signed addresses want none. */
function startStore(project: Project): Promise<RecordingServer> {
  return startRecordingServer('127.0.0.3', async (request, response) => {
    const [pathname = ''] = (request.url ?? '').split('?', 1);
    const send = (body: Buffer | undefined) => sendFile(request, response, body, DISPOSITION);
    if (request.headers.authorization !== undefined) {
      response.writeHead(400).end('two ways to authenticate');
      return;
    }
    const [, kind, first = '', ...more] = pathname.split('/');
    const asked = { project, send };
    if (kind === 'large') send(project.large);
    else if (kind === 'signed') send(fileOf(project, first, more.join('/')));
    else if (kind === 'codeload') await sendArchive(asked, more.join('/'), first);
    else await sendRaw(asked, [first, ...more].join('/'));
  });
}

function fileOf({ releases }: Project, tag = '', name = ''): Buffer | undefined {
  const release = releases[decodeURIComponent(tag)];
  const file = decodeURIComponent(name);
  const plain = file.replace(/\.sha256$/, '');
  const body = release?.[plain];
  if (!body || plain === file) return body;
  return Buffer.from(`${createHash('sha256').update(body).digest('hex')}  ${plain}\n`);
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer | undefined,
  headers: Readonly<Record<string, string>>,
): void {
  if (!body) {
    response.writeHead(404).end('<html>no such file</html>');
    return;
  }
  const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const from = Number(start ?? 0);
  const to = end ? Number(end) + 1 : body.length;
  const part = body.subarray(from, to);
  const range = start && { 'content-range': `bytes ${from}-${to - 1}/${body.length}` };
  const fields = { 'accept-ranges': 'bytes', 'content-length': String(part.length) };
  response.writeHead(range ? 206 : 200, { ...headers, ...fields, ...range });
  response.end(request.method === 'HEAD' ? undefined : part);
}

type Sender = Pick<Asked, 'project' | 'send'>;

async function sendArchive(sender: Sender, ref: string, format: string): Promise<void> {
  const name = decodeURIComponent(ref);
  const prefix = `--prefix=cli-${name.replace(/^refs\/(?:heads|tags)\//, '').replaceAll('/', '-')}/`;
  await sendGit(sender, 'archive', `--format=${format}`, prefix, name);
}

/** A reference may have slashes: the shortest one that there is counts. */
async function sendRaw(sender: Sender, place: string): Promise<void> {
  const words = place.split('/').map(decodeURIComponent);
  for (let length = 1; length < words.length; length++) {
    const ref = words.slice(0, length).join('/');
    const found = await run('git', ['-C', repositoryOf(sender), 'rev-parse', '--verify', '--quiet', ref]);
    if (found.ok) return sendGit(sender, 'show', `${ref}:${words.slice(length).join('/')}`);
  }
  sender.send(undefined);
}

async function sendGit(sender: Sender, ...args: string[]): Promise<void> {
  const { ok, bytes } = await runBytes('git', ['-C', repositoryOf(sender), ...args]);
  sender.send(ok ? bytes : undefined);
}

function repositoryOf({ project }: Sender): string {
  return join(project.folder, 'repository.git');
}

async function runBytes(command: string, args: readonly string[]) {
  const script = 'set -o pipefail; "$@" | base64 -w0';
  // Large files stay pointers, whatever this machine's git is set to.
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const { ok, stdout } = await run('bash', ['-c', script, 'bash', command, ...args], { env });
  return { ok, bytes: Buffer.from(stdout, 'base64') };
}
