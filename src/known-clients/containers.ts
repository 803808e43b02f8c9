import { type Client, type ClientRequest, get, head } from './client.ts';

/** What an engine says that it reads of manifests. */
const MANIFESTS =
  'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json';

/** A digest that stands for those that the answers before it name. */
const DIGEST = `sha256:${'0'.repeat(64)}`;

// Distribution specification, "Pulling manifests".
const NAME = /^[a-z\d]+(?:[._-]+[a-z\d]+)*(?:\/[a-z\d]+(?:[._-]+[a-z\d]+)*)*$/;

/** How a client begins a pull. */
type Step = 'ping' | 'head' | 'manifest';

/** The requests of a pull; a digest of zeros stands for what the answers name. */
function pull(steps: readonly Step[], text: string): readonly ClientRequest[] | undefined {
  const [, name = '', tag, digest] =
    /^([^:@]*)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[\da-f]{64}))?$/.exec(text) ?? [];
  if (!NAME.test(name)) return undefined;
  const accept = { accept: MANIFESTS };
  const named = `/v2/${name}/manifests/${digest ?? tag ?? 'latest'}`;
  const byDigest = `/v2/${name}/manifests/${digest ?? DIGEST}`;
  const start = steps.map((step): ClientRequest => {
    if (step === 'ping') return get('/v2/', 'asks whether this is a registry, and who may enter');
    if (step === 'head') return head(named, 'asks which digest the name has', accept);
    return get(named, 'the manifest', accept);
  });
  const second = steps.includes('head') ? [get(byDigest, 'the manifest by its digest', accept)] : [];
  return [...start, ...second, get(`/v2/${name}/blobs/${DIGEST}`, 'a layer')];
}

function engine(name: string, userAgent: string, steps: readonly Step[]): Client {
  return {
    name,
    protocol: 'oci',
    fields: { 'user-agent': userAgent },
    example: 'get.acme.dev/acme/app:1.0',
    joined: true,
    requests: (text) => pull(steps, text),
    afterwards: 'The digests of zeros stand for those that the answers name.',
  };
}

/** Clients of container registries. */
export const containerClients: readonly Client[] = [
  engine('buildah', 'Buildah/1.39.3', ['ping', 'manifest']),
  engine('buildkit', 'buildkit/v0.24', ['head']),
  engine('containerd', 'containerd/1.7.24', ['head']),
  engine('crane', 'go-containerregistry/v0.20.4', ['ping', 'manifest']),
  engine(
    'docker',
    'docker/28.5.2 go/go1.24 kernel/6.12 os/linux arch/amd64 UpstreamClient(Docker-Client/28.5.2 \\(linux\\))',
    ['ping', 'head'],
  ),
  engine('oras', 'oras/1.3.3', ['manifest']),
  engine('podman', 'containers/5.34.2 (github.com/containers/image)', ['ping', 'manifest']),
  engine('skopeo', 'skopeo/1.18.0', ['ping', 'manifest']),
];
