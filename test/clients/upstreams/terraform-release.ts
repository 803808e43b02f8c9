import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runChecked } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** A version of a provider as its author publishes it, and a module. */
export interface TerraformRelease {
  /** The name of the archive, as the list of hashes has it. */
  readonly filename: string;
  readonly archive: Buffer;
  readonly shasum: string;
  readonly sums: Buffer;
  readonly signature: Buffer;
  readonly keyId: string;
  readonly publicKey: string;
  /** A module as `tar.gz`. */
  readonly module: Buffer;
}

/** The version of everything. */
export const VERSION = '1.0.0';

/** Builds a provider for this platform, signs its hashes with a key made for it, and packs a module. */
export async function buildTerraformRelease(platform: string): Promise<TerraformRelease> {
  const folder = await createTemporaryFolder();
  const inside = { cwd: folder.path };
  const home = join(folder.path, 'gnupg');
  const gpg = (...args: string[]): Promise<string> =>
    runChecked('gpg', ['--homedir', home, '--batch', '--passphrase', '', ...args], inside);
  try {
    const program = `terraform-provider-tool_v${VERSION}`;
    await writeFile(join(folder.path, program), '#!/bin/sh\necho of the lab\n', { mode: 0o755 });
    const filename = `terraform-provider-tool_${VERSION}_${platform.replace('/', '_')}.zip`;
    await runChecked('zip', ['--quiet', filename, program], inside);
    const archive = await readFile(join(folder.path, filename));
    const shasum = createHash('sha256').update(archive).digest('hex');
    await writeFile(join(folder.path, 'sums'), `${shasum}  ${filename}\n`);

    await mkdir(home, { mode: 0o700 });
    await gpg('--quick-generate-key', 'lab@acme.example', 'rsa2048', 'sign', 'never');
    await gpg('--detach-sign', '--output', 'sums.sig', 'sums');
    const publicKey = await gpg('--armor', '--export');
    const keys = await gpg('--list-keys', '--with-colons');

    await mkdir(join(folder.path, 'module'));
    await writeFile(join(folder.path, 'module/main.tf'), 'output "name" {\n  value = "of the lab"\n}\n');
    await runChecked('tar', ['--create', '--gzip', '--file', 'module.tar.gz', 'module'], inside);
    return {
      filename,
      archive,
      shasum,
      sums: await readFile(join(folder.path, 'sums')),
      signature: await readFile(join(folder.path, 'sums.sig')),
      keyId: /^pub:[^:]*:[^:]*:[^:]*:([0-9A-F]{16}):/m.exec(keys)?.[1] ?? '',
      publicKey,
      module: await readFile(join(folder.path, 'module.tar.gz')),
    };
  } finally {
    await runChecked('gpgconf', ['--homedir', home, '--kill', 'all']).catch(() => undefined);
    await folder.stop();
  }
}
