import type { Debian } from './lab/debian.ts';

const containerPackages = [
  ...['ca-certificates', 'docker.io', 'docker-cli', 'containerd'],
  ...['podman', 'buildah', 'skopeo', 'oras'],
];

/** The name of a Debian. */
export type Suite = 'trixie' | 'sid';

/** The Debians that have container clients of other versions than this machine. */
const debians: Readonly<Record<Suite, Debian>> = {
  trixie: { suite: 'trixie', packages: containerPackages },
  // It changes every day, so no commit should depend on it. A mirror's copy of it may be an old one.
  sid: {
    suite: 'sid',
    packages: [...containerPackages, 'crane'],
    apt: ['Acquire::Check-Valid-Until "false"'],
  },
};

/** The Debian of this run. */
export const suite: Suite = process.env.LAB_SUITE === 'sid' ? 'sid' : 'trixie';

/** What the Debian of this run is made of. */
export const debian: Debian = debians[suite];

/** An old Debian: its pip is the last of Debian's that reads pages in HTML alone, and its apt reads no key in a source. */
export const bullseye: Debian = { suite: 'bullseye', packages: ['ca-certificates', 'python3-pip'] };
