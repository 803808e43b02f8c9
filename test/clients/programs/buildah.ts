import { join } from 'node:path';

import type { FinishedCommand } from '../lab/command.ts';
import { thisMachine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { writeDockerConfig } from './docker-config.ts';
import { findDigests, loginArguments, type OciClient, type OciClientOptions } from './oci-client.ts';

/** Opens buildah with a storage of its own. */
export async function openBuildah(options: OciClientOptions = {}): Promise<OciClient> {
  const { name = 'buildah', machine = thisMachine } = options;
  const home = await createTemporaryFolder();
  const storage = [
    ['--root', join(home.path, 'root')],
    ['--runroot', join(home.path, 'runroot')],
    ['--storage-driver', 'vfs'],
  ].flat();
  const nobody = await writeDockerConfig(home.path);
  const buildah = (args: readonly string[], config = nobody): Promise<FinishedCommand> => {
    const authFile = join(config, 'config.json');
    const env = { PATH: process.env.PATH, HOME: home.path, REGISTRY_AUTH_FILE: authFile };
    return machine.run('buildah', [...storage, ...args], { env });
  };
  return {
    name,
    async pull(reference, user) {
      const config = await writeDockerConfig(home.path, user);
      const { ok, output } = await buildah(['pull', '--tls-verify=false', reference], config);
      const listed = await buildah(['images', '--digests', '--no-trunc', reference]);
      return { ok, output, digests: findDigests(listed.stdout) };
    },
    async login(user) {
      const [login = '', ...rest] = loginArguments(user);
      return buildah([login, '--tls-verify=false', ...rest], await writeDockerConfig(home.path));
    },
    async remove(reference) {
      await buildah(['rmi', '--force', reference]);
    },
    stop: () => home.stop(),
  };
}
