import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { RegistryUser } from './oci-client.ts';

/**
 * Writes the `config.json` in which docker keeps the users of registries, and where the others look as well.
 * Gives the folder that it is in.
 */
export async function writeDockerConfig(home: string, user?: RegistryUser): Promise<string> {
  const folder = await mkdtemp(join(home, 'config-'));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: user ? authOf(user) : {} }));
  return folder;
}

function authOf({ authority, username, password }: RegistryUser): object {
  return { [authority]: { auth: Buffer.from(`${username}:${password}`).toString('base64') } };
}
