import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { FinishedCommand } from '../lab/command.ts';
import { thisMachine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import type { Credentials } from '../upstreams/credentials.ts';
import { writeDockerConfig } from './docker-config.ts';
import { loginArguments, type OciClient, type OciClientOptions } from './oci-client.ts';

/** Skopeo, which also inspects and lists. */
export interface Skopeo extends OciClient {
  /** `skopeo inspect` of an image, as a user when there is one. */
  inspect(reference: string, user?: Credentials): Promise<FinishedCommand>;
  /** `skopeo list-tags` of a repository. */
  listTags(repository: string): Promise<FinishedCommand>;
}

/** Opens skopeo with a home of its own. */
export async function openSkopeo(options: OciClientOptions = {}): Promise<Skopeo> {
  const { name = 'skopeo', machine = thisMachine } = options;
  const home = await createTemporaryFolder();
  const nobody = await writeDockerConfig(home.path);
  const skopeo = (args: readonly string[], config = nobody): Promise<FinishedCommand> => {
    const authFile = join(config, 'config.json');
    const env = { PATH: process.env.PATH, HOME: home.path, REGISTRY_AUTH_FILE: authFile };
    return machine.run('skopeo', args, { env });
  };
  return {
    name,
    async pull(reference, user) {
      const folder = await mkdtemp(join(home.path, 'image-'));
      const args = ['copy', '--all', '--src-tls-verify=false', `docker://${reference}`, `dir:${folder}`];
      const { ok, output } = await skopeo(args, await writeDockerConfig(home.path, user));
      const manifest = await readFile(join(folder, 'manifest.json')).catch(() => undefined);
      await rm(folder, { recursive: true });
      const digests = manifest ? [`sha256:${createHash('sha256').update(manifest).digest('hex')}`] : [];
      return { ok, output, digests };
    },
    async login(user) {
      const [login = '', ...rest] = loginArguments(user);
      return skopeo([login, '--tls-verify=false', ...rest], await writeDockerConfig(home.path));
    },
    async remove() {
      // Every pull goes to a folder of its own.
    },
    inspect(reference, user) {
      const creds = user ? ['--creds', `${user.username}:${user.password}`] : [];
      return skopeo(['inspect', '--tls-verify=false', ...creds, `docker://${reference}`]);
    },
    listTags: (repository) => skopeo(['list-tags', '--tls-verify=false', `docker://${repository}`]),
    stop: () => home.stop(),
  };
}
