import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { thisMachine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { writeDockerConfig } from './docker-config.ts';
import { findDigests, loginArguments, type OciClient, type OciClientOptions } from './oci-client.ts';

/** A program that copies an image, all platforms of it, to an OCI layout. */
export interface LayoutProgram {
  /** What it is called by. */
  readonly command: string;
  /** The arguments with which it copies an image to a folder. */
  copy(reference: string, folder: string): readonly string[];
  /** The arguments with which it logs in, but for who and where. */
  readonly login: readonly string[];
}

/** Opens a program with a home of its own. */
export async function openLayoutClient(
  program: LayoutProgram,
  options: OciClientOptions = {},
): Promise<OciClient> {
  const { command, copy } = program;
  const { name = command, machine = thisMachine } = options;
  const home = await createTemporaryFolder();
  return {
    name,
    async pull(reference, user) {
      const folder = await mkdtemp(join(home.path, 'image-'));
      const config = await writeDockerConfig(home.path, user);
      const env = { PATH: process.env.PATH, HOME: home.path, DOCKER_CONFIG: config };
      const { ok, output } = await machine.run(command, copy(reference, folder), { env });
      const index = await readFile(join(folder, 'index.json'), 'utf8').catch(() => '');
      await rm(folder, { recursive: true });
      return { ok, output, digests: findDigests(index) };
    },
    async login(user) {
      const env = {
        PATH: process.env.PATH,
        HOME: home.path,
        DOCKER_CONFIG: await writeDockerConfig(home.path),
      };
      return machine.run(command, [...program.login, ...loginArguments(user).slice(1)], { env });
    },
    async remove() {
      // Every pull goes to a folder of its own.
    },
    stop: () => home.stop(),
  };
}
