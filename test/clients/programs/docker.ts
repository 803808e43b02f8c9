import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { FinishedCommand } from '../lab/command.ts';
import { thisMachine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { writeDockerConfig } from './docker-config.ts';
import { findDigests, loginArguments, type OciClient, type OciClientOptions } from './oci-client.ts';

/** Docker, which also runs. */
export interface Docker extends OciClient {
  /** Runs an image, without a network. */
  runImage(reference: string): Promise<FinishedCommand>;
}

/** How docker is opened. */
export interface DockerOptions extends OciClientOptions {
  /** What keeps the images: dockerd itself, or a containerd that it starts. @default 'classic' */
  readonly store?: 'classic' | 'containerd';
}

/** Starts a `dockerd` of its own, and opens `docker` on it. */
export async function openDocker(options: DockerOptions = {}): Promise<Docker> {
  const { name = 'docker', machine = thisMachine, store = 'classic' } = options;
  const home = await createTemporaryFolder();
  const configuration = join(home.path, 'daemon.json');
  const features = { 'containerd-snapshotter': store === 'containerd' };
  await writeFile(configuration, JSON.stringify({ features }));
  const host = `unix://${join(home.path, 'docker.sock')}`;
  const daemon = machine.start('dockerd', [
    ...['--host', host, '--pidfile', join(home.path, 'docker.pid')],
    ...['--data-root', join(home.path, 'data'), '--exec-root', join(home.path, 'exec')],
    ...['--config-file', configuration, '--storage-driver', store === 'classic' ? 'vfs' : 'native'],
    ...['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false'],
  ]);
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await home.stop();
  };
  await daemon.waitFor(/API listen on/).catch(async (fault: unknown) => {
    await stop();
    throw fault;
  });

  const nobody = await writeDockerConfig(home.path);
  const docker = (args: readonly string[], config = nobody): Promise<FinishedCommand> => {
    const env = { PATH: process.env.PATH, HOME: home.path, DOCKER_CONFIG: config };
    // Debian's own: another program of that name may come earlier on the `PATH`.
    return machine.run('/usr/bin/docker', ['--host', host, ...args], { env });
  };
  return {
    name,
    async pull(reference, user) {
      const { ok, output } = await docker(['pull', reference], await writeDockerConfig(home.path, user));
      const inspected = await docker(['image', 'inspect', '--format', '{{.RepoDigests}}', reference]);
      return { ok, output, digests: findDigests(inspected.stdout) };
    },
    async login(user) {
      return docker(loginArguments(user), await writeDockerConfig(home.path));
    },
    async remove(reference) {
      await docker(['image', 'rm', '--force', reference]);
    },
    runImage: (reference) => docker(['run', '--rm', '--network', 'none', reference]),
    stop,
  };
}
