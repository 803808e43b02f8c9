import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { startProcess } from '../lab/process.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A docker whose daemon has a mirror of Docker Hub. */
export interface DockerMirror extends Stoppable {
  /** Runs docker. */
  docker(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<FinishedCommand>;
}

/** Starts a `dockerd` with `--registry-mirror`. */
export async function openDockerMirror(mirror: string): Promise<DockerMirror> {
  const home = await createTemporaryFolder();
  const configuration = join(home.path, 'daemon.json');
  await writeFile(configuration, '{}');
  const host = `unix://${join(home.path, 'docker.sock')}`;
  const daemon = startProcess('dockerd', [
    ...['--host', host, '--pidfile', join(home.path, 'docker.pid'), '--registry-mirror', mirror],
    ...['--data-root', join(home.path, 'data'), '--exec-root', join(home.path, 'exec')],
    ...['--config-file', configuration, '--storage-driver=vfs', '--bridge=none'],
    ...['--iptables=false', '--ip6tables=false', '--ip-forward=false'],
  ]);
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await home.stop();
  };
  await daemon.waitFor(/API listen on/).catch(async (fault: unknown) => {
    await stop();
    throw fault;
  });
  const config = join(home.path, 'config');
  return {
    docker: (args, env) =>
      run('/usr/bin/docker', ['--host', host, ...args], {
        env: { PATH: process.env.PATH, HOME: home.path, DOCKER_CONFIG: config, ...env },
      }),
    stop,
  };
}
