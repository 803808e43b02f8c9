import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A program in Go, and a go command that has nothing of the machine's but its toolchain. */
export interface GoProject extends Stoppable {
  /** Runs go in the project. */
  go(...args: string[]): Promise<FinishedCommand>;
  /** `go.mod` and `go.sum`. */
  locked(): Promise<string>;
  /** Removes every module that go has fetched. */
  clean(): Promise<void>;
}

/** Creates a project; `env` is go's environment besides. */
export async function createGoProject(main: string, env: NodeJS.ProcessEnv): Promise<GoProject> {
  const folder = await createTemporaryFolder();
  const project = join(folder.path, 'project');
  await mkdir(project);
  await writeFile(join(project, 'go.mod'), 'module lab.example/main\n\ngo 1.19\n');
  await writeFile(join(project, 'main.go'), main);
  const go = (...args: string[]): Promise<FinishedCommand> =>
    run('go', args, {
      cwd: project,
      env: {
        PATH: process.env.PATH,
        HOME: folder.path,
        GOPATH: join(folder.path, 'go'),
        GOCACHE: join(folder.path, 'cache'),
        GOTOOLCHAIN: 'local',
        CGO_ENABLED: '0',
        // The modules of the lab are in no public database of checksums; go.sum has them all the same.
        GONOSUMDB: '*',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_TERMINAL_PROMPT: '0',
        ...env,
      },
      timeout: 240_000,
    });
  const clean = async (): Promise<void> => void (await go('clean', '-modcache'));
  return {
    go,
    clean,
    locked: async () =>
      `${await readFile(join(project, 'go.mod'), 'utf8')}${await readFile(join(project, 'go.sum'), 'utf8')}`,
    async stop() {
      // go makes what it has fetched read-only.
      await clean();
      await folder.stop();
    },
  };
}
