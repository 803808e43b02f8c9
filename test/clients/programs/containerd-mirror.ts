import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { startProcess } from '../lab/process.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A containerd that asks a mirror first. */
export interface ContainerdMirror extends Stoppable {
  /** Pulls an image by the name that it has at the mirrored registry. */
  pull(reference: string): Promise<FinishedCommand>;
}

/** Starts a `containerd`, with a `hosts.toml` for a registry that has a mirror. */
export async function openContainerdMirror(registry: string, mirror: string): Promise<ContainerdMirror> {
  const home = await createTemporaryFolder();
  const socket = join(home.path, 'containerd.sock');
  const file = join(home.path, 'config.toml');
  const hosts = join(home.path, 'hosts');
  await mkdir(join(hosts, registry), { recursive: true });
  await writeFile(
    join(hosts, registry, 'hosts.toml'),
    `server = "https://${registry}"\n\n[host."${mirror}"]\n  capabilities = ["pull", "resolve"]\n`,
  );
  await writeFile(
    file,
    `
version = 2
root = ${JSON.stringify(join(home.path, 'root'))}
state = ${JSON.stringify(join(home.path, 'state'))}
disabled_plugins = ["io.containerd.grpc.v1.cri"]

[grpc]
  address = ${JSON.stringify(socket)}
`,
  );
  const daemon = startProcess('containerd', ['--config', file]);
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await home.stop();
  };
  await daemon.waitFor(/containerd successfully booted/).catch(async (fault: unknown) => {
    await stop();
    throw fault;
  });
  const env = { PATH: process.env.PATH, HOME: home.path };
  const images = ['--address', socket, '--namespace', 'lab', 'images'];
  return {
    pull: (reference) =>
      run('ctr', [...images, 'pull', '--hosts-dir', hosts, '--snapshotter', 'native', reference], { env }),
    stop,
  };
}
