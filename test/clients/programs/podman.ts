import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { findDigests, type OciClient } from './oci-client.ts';

/** Opens podman with a storage of its own. */
export async function openPodman(): Promise<OciClient> {
  const home = await createTemporaryFolder();
  const authFile = join(home.path, 'auth.json');
  await writeFile(authFile, '{}');
  const storage = [
    ['--root', join(home.path, 'root')],
    ['--runroot', join(home.path, 'runroot')],
    ['--tmpdir', join(home.path, 'tmp')],
    ['--storage-driver', 'vfs'],
  ].flat();
  const env = { PATH: process.env.PATH, HOME: home.path, REGISTRY_AUTH_FILE: join(home.path, 'auth.json') };
  const podman = (...args: string[]): Promise<FinishedCommand> =>
    run('podman', [...storage, ...args], { env });
  return {
    name: 'podman',
    async pull(reference) {
      const { ok, output } = await podman('pull', '--tls-verify=false', reference);
      const inspected = await podman('image', 'inspect', '--format', '{{.RepoDigests}}', reference);
      return { ok, output, digests: findDigests(inspected.stdout) };
    },
    async remove(reference) {
      await podman('image', 'rm', '--force', reference);
    },
    stop: () => home.stop(),
  };
}
