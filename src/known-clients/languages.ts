import { type Client, type ClientRequest, get, head, splitVersion } from './client.ts';

/** What npm and those like it read of a package's document; npm 11 itself asks for the whole one. */
const PACKUMENT = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';
/** PEP 691. */
const SIMPLE =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01';

function npmLike(name: string, userAgent: string, slash: string, accept = PACKUMENT): Client {
  return {
    name,
    protocol: 'npm',
    fields: { 'user-agent': userAgent },
    example: '@acme/cli or @acme/cli@1.0.0',
    afterwards: 'The archive is where `dist.tarball` of the document says.',
    requests(text) {
      const [id, version] = splitVersion(text, '@');
      if (!/^(?:@[\w.~-]+\/)?[\w.~-]+$/.test(id)) return undefined;
      const base = id.slice(id.indexOf('/') + 1);
      return [
        get(`/${id.replace('/', slash)}`, 'the document of the package', { accept }),
        ...(version ? [get(`/${id}/-/${base}-${version}.tgz`, 'the archive')] : []),
      ];
    },
  };
}

function pypiLike(name: string, userAgent: string): Client {
  return {
    name,
    protocol: 'pypi',
    fields: { 'user-agent': userAgent },
    example: 'numpy or numpy==2.1',
    afterwards: 'The files are where the page says, and their metadata beside them.',
    requests(text) {
      const [id = ''] = text.split(/[=<>~!;[\s]/, 1);
      if (!/^[\w.-]+$/.test(id)) return undefined;
      // PEP 503, "Normalized Names".
      const project = id.toLowerCase().replaceAll(/[-_.]+/g, '-');
      return [get(`/simple/${project}/`, 'the page of the project', { accept: SIMPLE })];
    },
  };
}

function escapeModule(text: string): string {
  // Go module reference, "Module proxies": an upper-case letter is an exclamation mark and its lower-case one.
  return text.replaceAll(/[A-Z]/g, (letter) => `%21${letter.toLowerCase()}`);
}

function requestModule(text: string): readonly ClientRequest[] | undefined {
  const [module, version = 'latest'] = splitVersion(text, '@');
  if (!/^[\w.~-]+(?:\/[\w.~-]+)*$/.test(module)) return undefined;
  const path = `/${escapeModule(module)}/@v`;
  if (version === 'latest')
    return [
      get(`${path}/list`, 'the versions'),
      get(`/${escapeModule(module)}/@latest`, 'the newest commit, where there is no version'),
    ];
  const file = `${path}/${escapeModule(version)}`;
  return [
    get(`${file}.info`, 'the version'),
    get(`${file}.mod`, 'what it needs'),
    get(`${file}.zip`, 'the module'),
  ];
}

/** The sparse index: cargo's "Index files". */
function crateIndex(name: string): string {
  const lower = name.toLowerCase();
  if (lower.length < 3) return `/${lower.length}/${lower}`;
  if (lower.length === 3) return `/3/${lower[0]}/${lower}`;
  return `/${lower.slice(0, 2)}/${lower.slice(2, 4)}/${lower}`;
}

/** Package managers of programming languages. */
export const languageClients: readonly Client[] = [
  npmLike('bun', 'Bun/1.4.5', '%2f'),
  {
    name: 'bundler',
    protocol: 'rubygems',
    fields: {
      'user-agent': 'bundler/2.3.15 rubygems/3.3.15 ruby/3.1.7 (x86_64-pc-linux-gnu) command/install',
    },
    example: 'rack or rack:3.1.8',
    requests: (text) => {
      const [gem, version] = splitVersion(text, ':');
      if (!/^[\w.-]+$/.test(gem)) return undefined;
      return [
        get('/versions', 'the versions of all gems'),
        get(`/info/${gem}`, 'the versions of the gem'),
        ...(version ? [get(`/gems/${gem}-${version}.gem`, 'the gem')] : []),
      ];
    },
  },
  {
    name: 'cargo',
    protocol: 'cargo',
    fields: { 'user-agent': 'cargo/1.95.0 (f2d3ce0bd 2026-03-21)' },
    example: 'acme-cli or acme-cli@1.0.0',
    afterwards: 'The crate is where `dl` of the configuration says.',
    requests: (text) => {
      const [crate] = splitVersion(text, '@');
      if (!/^[\w-]+$/.test(crate)) return undefined;
      return [
        get('/config.json', 'the configuration of the registry'),
        get(crateIndex(crate), 'the versions of the crate', { accept: 'text/plain' }),
      ];
    },
  },
  {
    name: 'composer',
    protocol: 'composer',
    fields: { 'user-agent': 'Composer/2.5.5 (Linux; 6.1; PHP 8.2.36; streams)' },
    example: 'acme/cli',
    afterwards: 'The archive is where `mirrors` of the repository or `dist.url` of the document says.',
    requests: (text) =>
      /^[\w.-]+\/[\w.-]+$/.test(text)
        ? [
            get('/packages.json', 'the repository'),
            get(`/p2/${text.toLowerCase()}.json`, 'the versions'),
            get(`/p2/${text.toLowerCase()}~dev.json`, 'the branches'),
          ]
        : undefined,
  },
  {
    name: 'conda',
    protocol: 'conda',
    fields: { 'user-agent': 'conda/24.11 requests/2.32 CPython/3.12 Linux/6.1 glibc/2.36' },
    example: 'acme (a channel)',
    afterwards: 'The packages are beside the indexes.',
    requests: (text) =>
      /^[\w.-]+(?:\/[\w.-]+)*$/.test(text)
        ? [
            get(`/${text}/linux-64/repodata.json.zst`, 'the index of the platform'),
            get(`/${text}/noarch/repodata.json.zst`, 'the index of what is for all platforms'),
          ]
        : undefined,
  },
  npmLike('deno', 'Deno/2.9.6', '%2f', 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8'),
  {
    name: 'gem',
    protocol: 'rubygems',
    fields: { 'user-agent': 'Ruby, RubyGems/3.3.15 x86_64-linux Ruby/3.1.7' },
    example: 'rack or rack:3.1.8',
    requests: (text) => {
      const [gem, version] = splitVersion(text, ':');
      if (!/^[\w.-]+$/.test(gem)) return undefined;
      return [
        head('/', 'asks whether the source is there'),
        get('/specs.4.8.gz', 'the versions of all gems'),
        ...(version
          ? [
              get(`/quick/Marshal.4.8/${gem}-${version}.gemspec.rz`, 'what the gem needs'),
              get(`/gems/${gem}-${version}.gem`, 'the gem'),
            ]
          : []),
      ];
    },
  },
  {
    name: 'go',
    protocol: 'go',
    fields: { 'user-agent': 'Go-http-client/1.1' },
    example: 'acme.dev/cli or acme.dev/cli@v1.0.0',
    // `go help importpath`: so a module says where it is.
    query: 'go-get=1',
    afterwards: 'The paths above the module are asked for in the same way; a 404 is expected of them.',
    requests: requestModule,
  },
  {
    name: 'helm',
    protocol: 'helm',
    fields: { 'user-agent': 'Helm/3.15.2' },
    example: 'app or app:1.0.0',
    afterwards: 'The chart is where `urls` of the index says.',
    requests: (text) =>
      /^[\w.-]+(?::[\w.+-]+)?$/.test(text) ? [get('/index.yaml', 'the index')] : undefined,
  },
  {
    name: 'huggingface',
    protocol: 'huggingface',
    fields: { 'user-agent': 'unknown/None; hf_hub/0.30.0; python/3.12.0' },
    example: 'acme/tiny',
    requests: (text) =>
      /^[\w.-]+(?:\/[\w.-]+)?$/.test(text)
        ? [
            get(`/api/models/${text}/revision/main`, 'the files of the model'),
            head(`/${text}/resolve/main/config.json`, 'which file that is'),
            get(`/${text}/resolve/main/config.json`, 'the file'),
          ]
        : undefined,
  },
  {
    name: 'mvn',
    protocol: 'maven',
    fields: { 'user-agent': 'Apache-Maven/3.8.7 (Java 17.0.15; Linux 6.1)' },
    example: 'org.acme:cli or org.acme:cli:1.0',
    requests: (text) => {
      const [group, artifact, version] = text.split(':');
      if (!group || !artifact || !/^[\w.:-]+$/.test(text)) return undefined;
      const folder = `/${group.replaceAll('.', '/')}/${artifact}`;
      if (!version) return [get(`${folder}/maven-metadata.xml`, 'the versions')];
      const file = `${folder}/${version}/${artifact}-${version}`;
      return [
        get(`${file}.pom`, 'what it needs'),
        get(`${file}.pom.sha1`, 'the checksum of that'),
        get(`${file}.jar`, 'the archive'),
      ];
    },
  },
  npmLike('npm', 'npm/11.19.1 node/v20.20.2 linux x64 workspaces/false', '%2f'),
  {
    name: 'nuget',
    protocol: 'nuget',
    fields: { 'user-agent': 'NuGet .NET Core MSBuild Task/6.12.0 (Linux 6.1)' },
    example: 'Acme.Cli',
    afterwards: 'The versions and the packages are where the index says.',
    requests: (text) => (/^[\w.-]+$/.test(text) ? [get('/index.json', 'the services')] : undefined),
  },
  pypiLike('pip', 'pip/25.1 {"installer":{"name":"pip","version":"25.1"},"python":"3.12.0"}'),
  npmLike('pnpm', 'pnpm/12.21.0 npm/? node/? linux x64', '%2F'),
  {
    name: 'terraform',
    protocol: 'terraform',
    fields: { 'user-agent': 'Terraform/1.11.4 (+https://www.terraform.io)' },
    example: 'acme/tool or acme/tool:1.0.0 (a provider)',
    requests: (text) => {
      const [id, version] = splitVersion(text, ':');
      if (!/^[\w-]+\/[\w-]+$/.test(id)) return undefined;
      return [
        get('/.well-known/terraform.json', 'the services'),
        get(`/v1/providers/${id}/versions`, 'the versions'),
        ...(version
          ? [get(`/v1/providers/${id}/${version}/download/linux/amd64`, 'where the archive is')]
          : []),
      ];
    },
  },
  pypiLike('uv', 'uv/0.7.0 {"installer":{"name":"uv","version":"0.7.0"},"python":"3.12.0"}'),
  npmLike('yarn', 'yarn/1.22.22 npm/? node/v20.20.2 linux x64', '%2f'),
];
