import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type FinishedCommand, run } from '../lab/command.ts';
import { startProcess } from '../lab/process.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { findDigests, type OciClient } from './oci-client.ts';

/** Docker, which also runs. */
export interface Docker extends OciClient {
  /** Runs an image, without a network. */
  runImage(reference: string): Promise<FinishedCommand>;
}

/** Starts a `dockerd` of its own, and opens `docker` on it. */
export async function openDocker(): Promise<Docker> {
  const home = await createTemporaryFolder();
  const configuration = join(home.path, 'daemon.json');
  await writeFile(configuration, '{}');
  const host = `unix://${join(home.path, 'docker.sock')}`;
  const daemon = startProcess('dockerd', [
    ...['--host', host, '--pidfile', join(home.path, 'docker.pid')],
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

  const env = { PATH: process.env.PATH, HOME: home.path, DOCKER_CONFIG: join(home.path, 'config') };
  // Debian's own: another program of that name may come earlier on the `PATH`.
  const docker = (...args: string[]): Promise<FinishedCommand> =>
    run('/usr/bin/docker', ['--host', host, ...args], { env });
  return {
    name: 'docker',
    async pull(reference) {
      const { ok, output } = await docker('pull', reference);
      const inspected = await docker('image', 'inspect', '--format', '{{.RepoDigests}}', reference);
      return { ok, output, digests: findDigests(inspected.stdout) };
    },
    async remove(reference) {
      await docker('image', 'rm', '--force', reference);
    },
    runImage: (reference) => docker('run', '--rm', '--network', 'none', reference),
    stop,
  };
}
