import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A git repository of a flake with two commits, of which the second has another answer. */
export interface FlakeRepository extends Stoppable {
  readonly folder: string;
  /** The first commit. */
  readonly first: string;
  /** The second commit. */
  readonly second: string;
}

/** Makes a repository. */
export async function createFlakeRepository(): Promise<FlakeRepository> {
  const folder = await createTemporaryFolder();
  const person = ['-c', 'user.name=Lab', '-c', 'user.email=lab@acme.example'];
  const git = (...args: readonly string[]): Promise<string> =>
    runChecked('git', ['-C', folder.path, ...person, ...args]);
  await git('init', '--quiet');
  const commit = async (answer: string): Promise<string> => {
    await writeFile(join(folder.path, 'flake.nix'), `{ outputs = _: { answer = "${answer}"; }; }\n`);
    await writeFile(join(folder.path, 'default.nix'), `{ answer = "${answer}"; }\n`);
    await git('add', '.');
    await git('commit', '--quiet', '--message', answer);
    return (await git('rev-parse', 'HEAD')).trim();
  };
  const first = await commit('one');
  const second = await commit('two');
  return { folder: folder.path, first, second, stop: folder.stop };
}

/** A host of tarballs whose branch `main` is at the first commit. */
export interface SourceHost extends RecordingServer {
  /** Moves `main` to the second commit. */
  advance(): void;
}

/** What a host is like: the manners of Forgejo, which sends a `Link`, of GitHub, which redirects, or of a channel. */
export interface SourceHostLayout {
  readonly address: string;
  readonly kind: 'forgejo' | 'github' | 'channel';
}

/** Starts a host of a repository's tarballs. */
export async function startSourceHost(
  { folder, first, second }: FlakeRepository,
  { address, kind }: SourceHostLayout,
): Promise<SourceHost> {
  let main = first;
  const pack = async (revision: string, format = 'tar.gz'): Promise<Buffer> => {
    const file = join(folder, '.git', `${revision}.${format}`);
    const args = ['-c', 'tar.tar.xz.command=xz -c', 'archive', `--prefix=app-${revision}/`];
    await runChecked('git', ['-C', folder, ...args, `--format=${format}`, `--output=${file}`, revision]);
    return readFile(file);
  };
  const server = await startRecordingServer(address, async (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const own = `http://${request.headers.host}`;
    if (kind === 'channel') {
      if (path === '/channels/acme') return void response.end('a page');
      if (path === '/channels/acme/nixexprs.tar.xz') return void response.end(await pack(main, 'tar.xz'));
      return void response.writeHead(404).end();
    }
    const [, folderPath = '', ref = ''] = /^(.*\/archive\/|\/tarballs\/)([^/]+)\.tar\.gz$/.exec(path) ?? [];
    const revision = { main, [first]: first, [second]: second }[ref];
    if (revision === undefined) return void response.writeHead(404).end();
    if (kind === 'github' && folderPath !== '/tarballs/')
      return void response.writeHead(302, { location: `${own}/tarballs/${ref}.tar.gz` }).end();
    if (kind === 'forgejo')
      response.setHeader('link', `<${own}${folderPath}${revision}.tar.gz?rev=${revision}>; rel="immutable"`);
    response.end(await pack(revision));
  });
  return {
    ...server,
    advance: () => {
      main = second;
    },
  };
}
