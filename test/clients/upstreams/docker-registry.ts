import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { startProcess } from '../lab/process.ts';

/** What a `docker-registry` asks of its clients. */
export type RegistryAuth =
  | { readonly type: 'none' }
  | { readonly type: 'basic'; readonly htpasswdFile: string }
  | {
      readonly type: 'token';
      readonly realm: string;
      readonly service: string;
      readonly issuer: string;
      readonly certificateFile: string;
    };

/** A running `docker-registry`. */
export interface DockerRegistry extends Stoppable {
  /** Such as `127.0.0.1:5000`. */
  readonly authority: string;
}

/** Starts Debian's `docker-registry` on what is stored in a folder. Several may serve the same folder. */
export async function startDockerRegistry(
  storage: string,
  auth: RegistryAuth = { type: 'none' },
): Promise<DockerRegistry> {
  const configuration = {
    version: '0.1',
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: storage } },
    http: { addr: '127.0.0.1:0' },
    ...authSection(auth),
  };
  // JSON is YAML.
  const file = join(await mkdtemp(`${storage}-`), 'registry.yml');
  await writeFile(file, JSON.stringify(configuration));

  const registry = startProcess('docker-registry', ['serve', file]);
  const [, authority = ''] = await registry.waitFor(/listening on (127\.0\.0\.1:\d+)/);
  return { authority, stop: () => registry.stop() };
}

function authSection(auth: RegistryAuth): object {
  switch (auth.type) {
    case 'none':
      return {};
    case 'basic':
      return { auth: { htpasswd: { realm: 'lab', path: auth.htpasswdFile } } };
    case 'token': {
      const { realm, service, issuer, certificateFile } = auth;
      return { auth: { token: { realm, service, issuer, rootcertbundle: certificateFile } } };
    }
  }
}
