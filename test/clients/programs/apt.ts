import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import type { FinishedCommand } from '../lab/command.ts';
import { type Machine, thisMachine } from '../lab/machine.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A system of its own, into which apt installs, and whose only sources are its own. */
export interface AptSystem extends Stoppable {
  /** Runs `apt-get`, without questions; on this machine in the system's root folder. */
  aptGet(...args: string[]): Promise<FinishedCommand>;
  /** Writes a file of the system: `etc/apt/sources.list.d/acme.sources`. */
  write(path: string, content: string): Promise<void>;
  /** The path of a file of the system, as its apt knows it. */
  locate(path: string): string;
  /** Reads a file of the system. */
  read(path: string): Promise<string>;
}

const folders = [
  ...['etc/apt/sources.list.d', 'etc/apt/preferences.d', 'etc/apt/apt.conf.d', 'etc/apt/auth.conf.d'],
  ...['etc/apt/trusted.gpg.d', 'etc/apt/keyrings', 'var/lib/apt/lists/partial'],
  ...['var/cache/apt/archives/partial', 'var/log/apt', 'var/lib/dpkg/info', 'var/lib/dpkg/updates', 'tmp'],
];

/** Creates a system for the apt of a machine; nothing of that machine's own is read or changed. */
export async function createAptSystem(machine: Machine = thisMachine): Promise<AptSystem> {
  const { path: root, stop } = await createTemporaryFolder();
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
  const status = join(root, 'var/lib/dpkg/status');
  await writeFile(status, '');
  const config = join(root, 'apt.conf');
  await writeFile(
    config,
    `Dir "${root}/";
Dir::State::status "${status}";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Retries "0";
Acquire::http::Timeout "10";
DPkg::Options { "--root=${root}"; "--force-unsafe-io"; "--log=${root}/dpkg.log"; };
DPkg::Use-Pty "false";
`,
  );
  return {
    aptGet: (...args) =>
      machine.run('apt-get', ['--yes', ...args], {
        cwd: root,
        env: { ...process.env, APT_CONFIG: config, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      }),
    write: (path, content) => writeFile(join(root, path), content),
    locate: (path) => join(root, path),
    read: (path) => readFile(join(root, path), 'utf8'),
    stop,
  };
}
