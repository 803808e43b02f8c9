import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

import { run, runChecked } from './command.ts';
import type { Machine } from './machine.ts';
import { startProcess } from './process.ts';

/** A Debian of another release, and what is installed in it. */
export interface Debian {
  readonly suite: string;
  readonly packages: readonly string[];
  /** Settings of apt. */
  readonly apt?: readonly string[];
}

/** Where each Debian stays for the next run. */
const SHELF = '/var/cache/turnout-lab';

/** Makes a Debian, unless it is there. The name changes last, so that what has its name is complete. */
const MAKE = `
root=$1 suite=$2 mirror=$3
shift 3
[ ! -e "$root" ] || exit 0
rm -rf --one-file-system "$root.new"
mmdebstrap --mode=root --variant=minbase --format=directory "$@" "$suite" "$root.new" "$mirror"
mv "$root.new" "$root"
`;

/** Runs a command in a Debian that sees this machine's devices and network, and the shared folder under its own name. */
const ENTER = `
root=$1 shared=$2
shift 2
# Container engines remount their root folder, which has to be a mount for that.
mount --rbind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root$shared"
mount --bind "$shared" "$root$shared"
exec chroot "$root" "$@"
`;

/** Makes a Debian, which stays on this machine for the next run. */
export async function makeDebian(debian: Debian): Promise<void> {
  const root = rootOf(debian);
  if (existsSync(root)) return;

  const { suite, packages, apt = [] } = debian;
  const options = [`--include=${packages.join(',')}`, ...apt.map((setting) => `--aptopt=${setting}`)];
  await mkdir(SHELF, { recursive: true });
  // Whoever comes while it is being made waits, and then finds it there.
  const make = ['unshare', '--mount', 'sh', '-euc', MAKE, 'sh', root, suite, await findMirror(), ...options];
  const made = await run('flock', [`${root}.lock`, ...make], { timeout: 900_000 });
  if (!made.ok)
    throw new Error(`Debian ${suite}, whose programs the tests need, was not made:\n${made.output}`);
}

/**
 * Opens a Debian that has been made. Every command has mounts of its own, which go with its last process. Only the
 * folder for temporary files is shared.
 */
export function openDebian(debian: Debian): Machine {
  const enter = ['--mount', 'sh', '-euc', ENTER, 'sh', rootOf(debian), tmpdir()] as const;
  return {
    run: (command, args, options) => run('unshare', [...enter, command, ...args], options),
    start: (command, args, options) => startProcess('unshare', [...enter, command, ...args], options),
  };
}

/** Another recipe makes another folder. */
function rootOf(debian: Debian): string {
  const recipe = createHash('sha256').update(JSON.stringify(debian)).digest('hex');
  return join(SHELF, `${debian.suite}-${recipe.slice(0, 12)}`);
}

/** The mirror that this machine itself was installed from. */
async function findMirror(): Promise<string> {
  const release = parseEnv(await readFile('/etc/os-release', 'utf8')).VERSION_CODENAME;
  const fields = '$(RELEASE) $(COMPONENT) $(REPO_URI)';
  const targets = await runChecked('apt-get', ['indextargets', '--no-release-info', '--format', fields]);
  const mirror = new RegExp(`^${release} main (\\S+)$`, 'm').exec(targets)?.[1];
  if (mirror === undefined) throw new Error(`apt's sources have no main of ${release}:\n${targets}`);
  return mirror;
}
