/** What is known of a registry, or of a kind of them. What is not known is found out by asking. */
export interface KnownRegistry {
  /** What people call it. */
  readonly name: string;
  /** The hosts of its API. */
  readonly hosts: RegExp;
  /** Hosts that people write for it, and the host of the API that they mean. */
  readonly aliases?: { readonly hosts: RegExp; readonly api: string };
  /**
   * What its public images want: `nothing`, so that every client survives a redirect to it; a `token` that anybody
   * gets; or a `credential`, since nothing there is public.
   */
  readonly wants: 'nothing' | 'token' | 'credential';
  /** The hosts that its signed blob addresses have, `*` for any labels; empty when it sends the blobs itself. */
  readonly blobs: readonly string[];
  /** Whether images without a namespace are below `library/`. */
  readonly library?: boolean;
  /** What somebody should know who leads a rule there without a credential. */
  readonly advice?: string;
}

/** The registries that most images are in. */
export const knownRegistries: readonly KnownRegistry[] = [
  {
    name: 'Docker Hub',
    hosts: /^registry-1\.docker\.io$/,
    aliases: {
      hosts: /^(?:(?:index\.|www\.)?docker\.io|(?:registry\.)?hub\.docker\.com)$/,
      api: 'registry-1.docker.io',
    },
    wants: 'token',
    blobs: [
      'production.cloudfront.docker.com',
      'production.cloudflare.docker.com',
      '*.r2.cloudflarestorage.com',
    ],
    library: true,
    advice:
      'Docker Hub counts the pulls of all your users against the address of this gateway; write `auth:` with an account, whose limit is higher or none.',
  },
  {
    name: 'GitHub Container Registry',
    hosts: /^ghcr\.io$/,
    wants: 'token',
    blobs: ['pkg-containers.githubusercontent.com'],
  },
  {
    name: 'Google Artifact Registry',
    hosts: /^(?:[\w-]+-docker\.pkg\.dev|(?:[\w-]+\.)?gcr\.io)$/,
    wants: 'nothing',
    blobs: [],
  },
  { name: 'Quay', hosts: /^quay\.io$/, wants: 'nothing', blobs: ['*.quay.io'] },
  {
    name: 'Amazon ECR',
    hosts:
      /^\d{12}\.dkr(?:[.-]ecr(?:-fips)?\.[\w-]+\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn))$/,
    wants: 'credential',
    blobs: ['*.amazonaws.com'],
    advice: 'Amazon ECR serves nobody without a credential; write `auth: ecr`.',
  },
  { name: 'Amazon ECR Public', hosts: /^public\.ecr\.aws$/, wants: 'token', blobs: ['*.cloudfront.net'] },
  {
    name: 'Azure Container Registry',
    hosts: /^[\w-]+\.azurecr\.(?:io|cn|us)$/,
    wants: 'token',
    blobs: ['*.blob.core.windows.net', '*.data.azurecr.io'],
  },
  {
    name: 'GitLab',
    hosts: /^registry\.gitlab\.com$/,
    wants: 'token',
    blobs: ['cdn.registry.gitlab-static.net', 'storage.googleapis.com'],
  },
  {
    name: 'Microsoft Artifact Registry',
    hosts: /^mcr\.microsoft\.com$/,
    wants: 'nothing',
    blobs: ['*.data.mcr.microsoft.com'],
  },
  {
    name: 'Kubernetes',
    hosts: /^registry\.k8s\.io$/,
    wants: 'nothing',
    blobs: ['*.amazonaws.com', '*.pkg.dev'],
  },
];

/** Finds what is known of the registry with an API at this host. */
export function findRegistry(host: string): KnownRegistry | undefined {
  return knownRegistries.find(({ hosts }) => hosts.test(host));
}

/** The host of the API that people mean by a host. */
export function findApiHost(host: string): string {
  return knownRegistries.find(({ aliases }) => aliases?.hosts.test(host))?.aliases?.api ?? host;
}
