import { describe, expect, test } from 'vitest';

import { clients } from '../../src/known-clients/clients.ts';
import { protocols } from '../../src/protocols/index.ts';

const names: Readonly<Record<string, readonly [good: string, bad: string]>> = {
  apk: ['v3.20/main', '/'],
  apt: ['stable/main', '?'],
  aria2: ['cli/1.0', ''],
  brew: ['acme-cli:1.2.0', 'acme-cli'],
  buildah: ['acme/app:1.0', 'Acme/App'],
  buildkit: ['acme/app', '?'],
  bun: ['@acme/cli@1.0.0', '@acme'],
  bundler: ['rack:3.1.8', 'a/b'],
  cargo: ['acme-cli@1.0.0', 'a/b'],
  composer: ['acme/cli', 'acme'],
  conda: ['acme', '/'],
  containerd: [`acme/app@sha256:${'a'.repeat(64)}`, 'acme/app@sha256:a'],
  crane: ['acme/app', 'acme//app'],
  curl: ['cli/1.0', ''],
  deno: ['left', '?'],
  dnf: ['el/9', '?'],
  docker: ['acme/app:1.0', 'acme/app:'],
  gem: ['rack:3.1.8', 'a/b'],
  go: ['acme.dev/Cli@v1.0.0', '//'],
  helm: ['app:1.0.0', '/'],
  huggingface: ['acme/tiny', 'a/b/c'],
  mvn: ['org.acme:cli:1.0', 'cli'],
  nix: ['0123456789abcdfghijklmnpqrsvwxyz', 'hello'],
  npm: ['@acme/cli@1.0.0', 'a/b'],
  nuget: ['Acme.Cli', '/'],
  oras: ['acme/app', '?'],
  pacman: ['acme/os/x86_64/acme', '.'],
  pip: ['Acme_CLI==1.0', '/'],
  pnpm: ['@acme/cli', '?'],
  podman: ['acme/app:1.0', '?'],
  skopeo: ['acme/app:1.0', '?'],
  terraform: ['acme/tool:1.0.0', 'tool'],
  uv: ['numpy', '/'],
  wget: ['/cli/1.0', ''],
  yarn: ['left@1.0.0', '?'],
  yum: ['.', '?'],
  zypper: ['15.6', '?'],
};

test('each client is there once, in their order', () => {
  expect(clients.map(({ name }) => name)).toEqual(Object.keys(names));
});

describe('the requests of a client are those of its protocol', () => {
  test.each(clients)('$name', ({ name, protocol: speaks, fields, requests }) => {
    const [good = '', bad = ''] = names[name] ?? [];
    const protocol = protocols.find((each) => each.name === speaks);
    expect(protocol?.name).toBe(speaks);
    const sent = requests(good) ?? [];
    expect(sent).not.toEqual([]);
    for (const { method, path, purpose } of sent) {
      const [below = '', query] = path.split('?');
      if (protocol) expect(protocol.parse({ method, path: below, query }), path).toBeDefined();
      expect(purpose).toMatch(/^\w/);
    }
    expect(fields['user-agent']).toMatch(/^[ -~]+$/);
    if (protocol) expect(requests(bad)).toBeUndefined();
  });
});

test.each([
  [
    'docker',
    'acme/app',
    'GET /v2/, HEAD /v2/acme/app/manifests/latest, GET /v2/acme/app/manifests/sha256:0…, GET /v2/acme/app/blobs/sha256:0…',
  ],
  ['podman', 'acme/app:1', 'GET /v2/, GET /v2/acme/app/manifests/1, GET /v2/acme/app/blobs/sha256:0…'],
  [
    'containerd',
    'acme/app:1',
    'HEAD /v2/acme/app/manifests/1, GET /v2/acme/app/manifests/sha256:0…, GET /v2/acme/app/blobs/sha256:0…',
  ],
  ['npm', '@acme/cli@1.0.0', 'GET /@acme%2fcli, GET /@acme/cli/-/cli-1.0.0.tgz'],
  ['npm', 'left', 'GET /left'],
  ['pip', 'Acme_.CLI >= 1', 'GET /simple/acme-cli/'],
  ['go', 'acme.dev/Cli', 'GET /acme.dev/%21cli/@v/list, GET /acme.dev/%21cli/@latest'],
  ['cargo', 'a', 'GET /config.json, GET /1/a'],
  ['cargo', 'abc', 'GET /config.json, GET /3/a/abc'],
  ['cargo', 'acme', 'GET /config.json, GET /ac/me/acme'],
  ['apt', 'stable', 'GET /dists/stable/InRelease, GET /dists/stable/main/binary-amd64/Packages.xz'],
  ['dnf', '.', 'GET /repodata/repomd.xml'],
  ['mvn', 'org.acme:cli', 'GET /org/acme/cli/maven-metadata.xml'],
  ['bundler', 'rack', 'GET /versions, GET /info/rack'],
  ['gem', 'rack', 'HEAD /, GET /specs.4.8.gz'],
  ['terraform', 'acme/tool', 'GET /.well-known/terraform.json, GET /v1/providers/acme/tool/versions'],
])('%s asks for %s in its order', (client, name, expected) => {
  const sent = clients.find((each) => each.name === client)?.requests(name) ?? [];
  expect(sent.map(({ method, path }) => `${method} ${path.replace(/0{64}/, '0…')}`).join(', ')).toBe(
    expected,
  );
});
