import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { FinishedCommand } from '../lab/command.ts';
import { thisMachine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { findDigests, type OciClient, type OciClientOptions, type RegistryUser } from './oci-client.ts';

/** How containerd is opened. */
export interface ContainerdOptions extends OciClientOptions {
  /** Whether `ctr` itself fetches, where it would leave that to the daemon. @default false */
  readonly local?: boolean;
}

/** Starts a `containerd` of its own, and opens `ctr` on it. */
export async function openContainerd(options: ContainerdOptions = {}): Promise<OciClient> {
  const { name = 'ctr', machine = thisMachine, local = false } = options;
  const home = await createTemporaryFolder();
  const socket = join(home.path, 'containerd.sock');
  const configuration = `
version = 2
root = ${JSON.stringify(join(home.path, 'root'))}
state = ${JSON.stringify(join(home.path, 'state'))}
disabled_plugins = ["io.containerd.grpc.v1.cri"]

[grpc]
  address = ${JSON.stringify(socket)}
`;
  const file = join(home.path, 'config.toml');
  await writeFile(file, configuration);
  const daemon = machine.start('containerd', ['--config', file]);
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await home.stop();
  };
  await daemon.waitFor(/containerd successfully booted/).catch(async (fault: unknown) => {
    await stop();
    throw fault;
  });

  const env = { PATH: process.env.PATH, HOME: home.path };
  const images = (...args: string[]): Promise<FinishedCommand> =>
    machine.run('ctr', ['--address', socket, '--namespace', 'lab', 'images', ...args], { env });
  return {
    name,
    async pull(reference, user) {
      const manner = ['--plain-http', '--snapshotter', 'native', ...(local ? ['--local'] : [])];
      const { ok, output } = await images('pull', ...manner, ...asUser(reference, user), reference);
      const listed = await images('ls', `name==${reference}`);
      return { ok, output, digests: findDigests(listed.stdout) };
    },
    async remove(reference) {
      await images('rm', '--sync', reference);
    },
    stop,
  };
}

/** `ctr` tells the user to whatever registry it pulls from. */
function asUser(reference: string, user: RegistryUser | undefined): string[] {
  if (!user || !reference.startsWith(`${user.authority}/`)) return [];
  return ['--user', `${user.username}:${user.password}`];
}
