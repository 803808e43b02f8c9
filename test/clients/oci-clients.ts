import { debian, type Suite, suite } from './debians.ts';
import type { Cleanup } from './lab/cleanup.ts';
import { openDebian } from './lab/debian.ts';
import { openBuildah } from './programs/buildah.ts';
import { openContainerd } from './programs/containerd.ts';
import { openCrane } from './programs/crane.ts';
import { type Docker, openDocker } from './programs/docker.ts';
import type { OciClient, OciClientOptions } from './programs/oci-client.ts';
import { openOras } from './programs/oras.ts';
import { openPodman } from './programs/podman.ts';
import { openSkopeo, type Skopeo } from './programs/skopeo.ts';

const localNames = ['skopeo', 'podman', 'buildah', 'docker', 'ctr'] as const;

type Local = (typeof localNames)[number];
type Program = Local | 'docker-containerd' | 'oras' | 'crane';

const openers: Readonly<Record<Program, (options: OciClientOptions) => Promise<OciClient>>> = {
  skopeo: openSkopeo,
  podman: openPodman,
  buildah: openBuildah,
  docker: openDocker,
  'docker-containerd': (options) => openDocker({ ...options, store: 'containerd' }),
  // Since containerd 2 the daemon unpacks nothing unless its configuration names a snapshotter for the platform.
  ctr: (options) => openContainerd({ ...options, local: suite === 'sid' }),
  oras: openOras,
  crane: openCrane,
};

/** What each Debian has. */
const programs: Readonly<Record<Suite, readonly Program[]>> = {
  trixie: ['skopeo', 'podman', 'buildah', 'docker', 'docker-containerd', 'ctr', 'oras'],
  sid: ['skopeo', 'podman', 'buildah', 'docker', 'docker-containerd', 'ctr', 'oras', 'crane'],
};

/** The name of a client: of a program of this machine, or of another Debian. */
export type ClientName = Local | `${Suite}-${Program}`;

/** The names of the clients, to make tests of before there are clients. */
export const clientNames: readonly ClientName[] = [
  ...localNames,
  ...programs[suite].map((program) => `${suite}-${program}` as const),
];

/** The clients. */
export interface OciClients {
  readonly skopeo: Skopeo;
  readonly docker: Docker;
  readonly all: Readonly<Record<ClientName, OciClient>>;
}

/** Opens the clients, with daemons of their own where they need one. */
export async function openOciClients(cleanup: Cleanup): Promise<OciClients> {
  const machine = openDebian(debian);
  const [skopeo, docker, ...others] = await Promise.all([
    cleanup.use(openSkopeo()),
    cleanup.use(openDocker()),
    cleanup.use(openPodman()),
    cleanup.use(openBuildah()),
    cleanup.use(openContainerd()),
    ...programs[suite].map((program) =>
      cleanup.use<OciClient>(openers[program]({ name: `${suite}-${program}`, machine })),
    ),
  ]);
  const byName = [skopeo, docker, ...others].map((client) => [client.name, client] as const);
  return { skopeo, docker, all: Object.fromEntries(byName) as Record<ClientName, OciClient> };
}
