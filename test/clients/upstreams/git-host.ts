import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../lab/temporary-folder.ts';

const identity = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Lab',
  GIT_AUTHOR_EMAIL: 'lab@acme.example',
  GIT_AUTHOR_DATE: '2026-01-02T03:04:05Z',
  GIT_COMMITTER_NAME: 'Lab',
  GIT_COMMITTER_EMAIL: 'lab@acme.example',
  GIT_COMMITTER_DATE: '2026-01-02T03:04:05Z',
};

/** Makes a repository of one commit with one tag, ready to be served as plain files; its path is `repository.git`. */
export async function createRepository(
  files: Readonly<Record<string, string>>,
  tag: string,
): Promise<TemporaryFolder> {
  const folder = await createTemporaryFolder();
  const work = join(folder.path, 'work');
  for (const [name, text] of Object.entries(files)) {
    const file = join(work, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  const git = (cwd: string, ...args: string[]): Promise<string> =>
    runChecked('git', args, { cwd, env: { ...process.env, ...identity } });
  await git(work, 'init', '--quiet', '--initial-branch', 'main');
  await git(work, 'add', '.');
  await git(work, 'commit', '--quiet', '--message', 'Lab');
  await git(work, 'tag', tag);
  await git(folder.path, 'clone', '--quiet', '--bare', 'work', 'repository.git');
  await git(join(folder.path, 'repository.git'), 'update-server-info');
  return folder;
}

/** Starts a host that serves a repository below a path, over git's dumb protocol. */
export function startGitHost({ path }: TemporaryFolder, base: string): Promise<RecordingServer> {
  return startRecordingServer('127.0.0.2', async (request, response) => {
    const [pathname = ''] = (request.url ?? '').split('?', 1);
    const file = pathname.startsWith(`${base}/`) ? pathname.slice(base.length) : undefined;
    const body = file && (await readFile(join(path, 'repository.git', file)).catch(() => undefined));
    if (body) response.writeHead(200, { 'content-type': 'text/plain' }).end(body);
    else response.writeHead(404).end();
  });
}
