import { type Client, type ClientRequest, get } from './client.ts';

function rpmLike(name: string, userAgent: string): Client {
  return {
    name,
    protocol: 'rpm',
    fields: { 'user-agent': userAgent },
    example: 'el/9 (a path below the address), or . for the address itself',
    afterwards: 'The indexes and the packages are where `repomd.xml` and they themselves say.',
    requests: (text) => {
      const folder = readFolder(text);
      return folder === undefined ? undefined : [get(`${folder}/repodata/repomd.xml`, 'the repository')];
    },
  };
}

/** A path without slashes at its ends, as one from its slash on; `undefined` for what is none. */
function readFolder(text: string): string | undefined {
  if (text === '.') return '';
  const path = text.replace(/^\//, '').replace(/\/$/, '');
  return /^[\w.~+:-]+(?:\/[\w.~+:-]+)*$/.test(path) ? `/${path}` : undefined;
}

function loader(name: string, userAgent: string): Client {
  return {
    name,
    protocol: undefined,
    fields: { 'user-agent': userAgent, accept: '*/*' },
    example: 'cli/1.0/acme.tar.gz',
    requests: (text): readonly ClientRequest[] => [get(text.startsWith('/') ? text : `/${text}`, 'the file')],
  };
}

/** Package managers of operating systems, and what fetches files. */
export const systemClients: readonly Client[] = [
  {
    name: 'apk',
    protocol: 'apk',
    fields: { 'user-agent': 'libfetch/2.0' },
    example: 'v3.20/main (a path below the address), or . for the address itself',
    afterwards: 'The packages are beside the index.',
    requests: (text) => {
      const folder = readFolder(text);
      return folder === undefined ? undefined : [get(`${folder}/x86_64/APKINDEX.tar.gz`, 'the index')];
    },
  },
  {
    name: 'apt',
    protocol: 'apt',
    fields: { 'user-agent': 'Debian APT-HTTP/1.3 (2.6.2)' },
    example: 'stable or stable/main (a suite, and its component)',
    afterwards: 'The packages are where the index says, below the same address.',
    requests: (text) => {
      const [suite, component = 'main'] = text.split(/\/|\s/);
      if (!suite || !/^[\w.~+-]+$/.test(suite) || !/^[\w.~+-]+$/.test(component)) return undefined;
      return [
        get(`/dists/${suite}/InRelease`, 'the release'),
        get(`/dists/${suite}/${component}/binary-amd64/Packages.xz`, 'the index'),
      ];
    },
  },
  loader('aria2', 'aria2/1.36.0'),
  {
    name: 'brew',
    protocol: 'homebrew',
    fields: { 'user-agent': 'Homebrew/4.5.0 (Macintosh; arm64 Mac OS X 15.0) curl/8.7.1' },
    example: 'acme-cli:1.2.0',
    requests: (text) => {
      const [formula, version] = text.split(':');
      if (!formula || !version || !/^[\w.+@:-]+$/.test(text)) return undefined;
      return [get(`/${formula}-${version}.arm64_sequoia.bottle.tar.gz`, 'the bottle')];
    },
  },
  loader('curl', 'curl/8.14.1'),
  rpmLike('dnf', 'libdnf (Fedora Linux 42; server; Linux.x86_64)'),
  {
    name: 'nix',
    protocol: 'nix',
    fields: { 'user-agent': 'curl/8.14.1 Nix/2.28.0' },
    example: 'the hash of a store path',
    afterwards: 'The archive is where the `.narinfo` says.',
    requests: (text) =>
      /^[\da-z]{32}$/.test(text)
        ? [get('/nix-cache-info', 'the cache'), get(`/${text}.narinfo`, 'what the store path is')]
        : undefined,
  },
  {
    name: 'pacman',
    protocol: 'pacman',
    fields: { 'user-agent': 'pacman/7.0.0 (Linux x86_64) libalpm/15.0.0' },
    example: 'acme (a repository), or a path (acme/os/x86_64/acme)',
    afterwards: 'The packages are beside the database.',
    requests: (text) => {
      const folder = readFolder(text);
      return !folder
        ? undefined
        : [get(`${folder}.db`, 'the database'), get(`${folder}.db.sig`, 'its signature')];
    },
  },
  loader('wget', 'Wget/1.21.3'),
  rpmLike('yum', 'libdnf (Red Hat Enterprise Linux 9.5; generic; Linux.x86_64)'),
  rpmLike('zypper', 'ZYpp 17.36.0 (curl 8.14.1) openSUSE-Leap-15.6-x86_64'),
];
