import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { run } from './lab/command.ts';

/** Debian's package for each file that the tests need. A name without a slash is looked up on the `PATH`. */
const packages: ReadonlyMap<string, string> = new Map([
  ['skopeo', 'skopeo'],
  ['podman', 'podman'],
  ['buildah', 'buildah'],
  ['crun', 'crun'],
  ['/usr/bin/docker', 'docker.io'],
  ['dockerd', 'docker.io'],
  ['containerd', 'containerd'],
  ['ctr', 'containerd'],
  ['mmdebstrap', 'mmdebstrap'],
  ['docker-registry', 'docker-registry'],
  ['umoci', 'umoci'],
  ['htpasswd', 'apache2-utils'],
  ['openssl', 'openssl'],
  ['curl', 'curl'],
  ['wget', 'wget'],
  ['busybox', 'busybox'],
  ['aria2c', 'aria2'],
  ['chromium', 'chromium'],
  ['gpg', 'gpg'],
  ['gpg-agent', 'gpg-agent'],
  ['apt-ftparchive', 'apt-utils'],
  ['zip', 'zip'],
  ['dnf', 'dnf'],
  ['zypper', 'zypper'],
  ['rpmbuild', 'rpm'],
  ['createrepo_c', 'createrepo-c'],
  ['gcc', 'gcc'],
  ['git', 'git'],
  ['git-lfs', 'git-lfs'],
  ['go', 'golang-go'],
  ['mvn', 'maven'],
  ['gradle', 'gradle'],
  // Debian 12 has a Cargo that is too old for sparse registries, and this one for its browsers.
  ['cargo', 'cargo-web'],
  ['rustc', 'rustc-web'],
  ['/usr/include/stdio.h', 'libc6-dev'],
  ['gem', 'ruby'],
  ['bundle', 'ruby-bundler'],
  ['composer', 'composer'],
  ['/usr/lib/python3/dist-packages/pip/__main__.py', 'python3-pip'],
  ['php', 'php-cli'],
  ['pacman', 'pacman-package-manager'],
  ['bsdtar', 'libarchive-tools'],
  ['/etc/php/8.2/mods-available/zip.ini', 'php-zip'],
  ['nix', 'nix-bin'],
  ['/usr/sbin/haproxy', 'haproxy'],
  ['redis-server', 'redis-server'],
  ['redis-cli', 'redis-tools'],
  ['/usr/lib/postgresql/15/bin/postgres', 'postgresql'],
  ['mono', 'mono-runtime'],
  ['/usr/lib/mono/4.5/System.Net.Http.dll', 'libmono-cil-dev'],
]);

/** Installs what is missing, and nothing else. */
export async function install(): Promise<void> {
  const missing = new Set([...packages].filter(([file]) => !isThere(file)).map(([, name]) => name));
  if (missing.size === 0) return;

  await aptGet('update');
  await aptGet('install', '--yes', '--no-install-recommends', ...missing);
}

function isThere(file: string): boolean {
  if (file.includes('/')) return existsSync(file);
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, file)));
}

async function aptGet(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const finished = await run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], {
    env,
    timeout: 600_000,
  });
  if (!finished.ok) throw new Error(`apt-get ${args.join(' ')} failed:\n${finished.output}`);
}
