import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runChecked } from '../lab/command.ts';
import type { TemporaryFolder } from '../lab/temporary-folder.ts';

const identity = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Lab',
  GIT_AUTHOR_EMAIL: 'lab@acme.example',
  GIT_COMMITTER_NAME: 'Lab',
  GIT_COMMITTER_EMAIL: 'lab@acme.example',
};

/** Changes a file of a repository that the lab has made, on a branch and with a tag of its own, and gives the commit. */
export async function addCommit(
  { path }: TemporaryFolder,
  file: string,
  text: string,
  { branch, tag }: { readonly branch: string; readonly tag?: string },
): Promise<string> {
  const work = join(path, 'work');
  const git = (...args: string[]): Promise<string> =>
    runChecked('git', args, { cwd: work, env: { ...process.env, ...identity } });
  await git('checkout', '--quiet', '-B', branch);
  await writeFile(join(work, file), text);
  await git('add', '.');
  await git('commit', '--quiet', '--message', text.trim());
  if (tag) await git('tag', tag);
  await git('push', '--quiet', '--tags', join(path, 'repository.git'), branch);
  await runChecked('git', ['-C', join(path, 'repository.git'), 'update-server-info']);
  return (await git('rev-parse', 'HEAD')).trim();
}
