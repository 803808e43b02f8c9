import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type FinishedCommand, run } from '../lab/command.ts';
import { startProcess } from '../lab/process.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { findDigests, type OciClient } from './oci-client.ts';

/** Starts a `containerd` of its own, and opens `ctr` on it. */
export async function openContainerd(): Promise<OciClient> {
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
  const images = (...args: string[]): Promise<FinishedCommand> =>
    run('ctr', ['--address', socket, '--namespace', 'lab', 'images', ...args], { env });
  return {
    name: 'ctr',
    async pull(reference) {
      const { ok, output } = await images('pull', '--plain-http', '--snapshotter', 'native', reference);
      const listed = await images('ls', `name==${reference}`);
      return { ok, output, digests: findDigests(listed.stdout) };
    },
    async remove(reference) {
      await images('rm', '--sync', reference);
    },
    stop,
  };
}
