import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { findPreset, PRESETS, writeRuleFile } from '../../src/cli/_presets.ts';
import { CALM } from '../../src/core/choice.ts';
import { route } from '../../src/core/decide.ts';
import { protocols } from '../../src/protocols/index.ts';
import { parseRules } from '../../src/rules/parse.ts';

const host = 'get.acme.example';

/** What a client asks for by each preset, and the address that the example leads it to. */
const requests: Readonly<Record<string, readonly [path: string, target: string]>> = {
  images: ['/v2/app/manifests/1.0', 'https://ghcr.io/v2/acme/app/manifests/1.0'],
  files: ['/files/1.0/app.tgz', 'https://storage.acme.example/public/1.0/app.tgz'],
  releases: ['/cli/releases/download/v1/app.tgz', 'https://github.com/acme/cli/releases/download/v1/app.tgz'],
  npm: ['/npm/@acme%2fcli', 'https://npm.pkg.github.com/@acme%2fcli'],
  python: ['/pypi/simple/acme/', 'https://pypi.org/simple/acme/'],
  debian: ['/deb/dists/stable/InRelease', 'https://packages.acme.example/deb/dists/stable/InRelease'],
  rpm: ['/rpm/repodata/repomd.xml', 'https://packages.acme.example/rpm/repodata/repomd.xml'],
  alpine: ['/alpine/x86_64/APKINDEX.tar.gz', 'https://packages.acme.example/alpine/x86_64/APKINDEX.tar.gz'],
  arch: ['/arch/acme/os/x86_64/acme.db', 'https://packages.acme.example/arch/acme/os/x86_64/acme.db'],
  nix: ['/nix/nix-cache-info', 'https://acme.cachix.org/nix-cache-info'],
  homebrew: [
    '/bottles/acme-1.0.arm64_sequoia.bottle.tar.gz',
    'https://storage.acme.example/bottles/acme-1.0.arm64_sequoia.bottle.tar.gz',
  ],
  go: ['/go/acme.example/mod/@v/list', 'https://proxy.golang.org/acme.example/mod/@v/list'],
  cargo: ['/crates/ac/me/acme', 'https://index.crates.io/ac/me/acme'],
  maven: [
    '/maven/org/acme/app/1.0/app-1.0.jar',
    'https://repo.maven.apache.org/maven2/org/acme/app/1.0/app-1.0.jar',
  ],
  nuget: ['/nuget/flatcontainer/acme/index.json', 'https://api.nuget.org/v3'],
  gems: ['/gems/gems/acme-1.0.gem', 'https://rubygems.org/gems/acme-1.0.gem'],
  composer: ['/composer/p2/acme/app.json', 'https://repo.packagist.org/p2/acme/app.json'],
  charts: ['/charts/index.yaml', 'https://charts.acme.example/index.yaml'],
  conda: ['/conda/acme/noarch/repodata.json', 'https://conda.anaconda.org/acme/noarch/repodata.json'],
  models: [
    '/hub/acme/model/resolve/main/config.json',
    'https://huggingface.co/acme/model/resolve/main/config.json',
  ],
};

test('every preset has an example, and every example is one', () => {
  const names = PRESETS.map(({ name }) => name);
  expect(readdirSync('examples/presets').sort()).toEqual(
    [...names, 'everything'].map((name) => `${name}.yaml`).sort(),
  );
  expect(Object.keys(requests).sort()).toEqual([...names].sort());
});

describe.each(PRESETS)('the preset $name', (preset) => {
  const file = `examples/presets/${preset.name}.yaml`;
  const written = writeRuleFile(host, [{ preset, address: preset.example }]);

  test('writes its example', () => {
    expect(readFileSync(file, 'utf8')).toBe(written);
  });

  test('passes the check without a warning', () => {
    expect(parseRules(written, { file }).warnings).toEqual([]);
  });

  test('leads a client to where the example says', () => {
    const [path, target] = requests[preset.name] ?? ['', ''];
    const found = route(parseRules(written, { file }), { method: 'GET', scheme: 'https', host, path }, CALM);
    expect(found.decision).toMatchObject({ rule: preset.name, protocol: preset.protocol });
    const { decision } = found;
    if (decision.type === 'redirect') expect(decision.location).toBe(target);
    else if (decision.type === 'proxy') expect(decision.target).toBe(target);
    else expect(decision.type === 'carry' && found.upstream?.origin).toBe(new URL(target).origin);
  });

  test('is found by its name and by its protocol', () => {
    expect(findPreset(preset.name)).toBe(preset);
    expect(findPreset(preset.protocol)?.protocol).toBe(preset.protocol);
    expect(protocols.map(({ name }) => name)).toContain(preset.protocol);
  });
});

test('all of them share one host', () => {
  const written = writeRuleFile(
    host,
    PRESETS.map((preset) => ({ preset, address: preset.example })),
  );
  expect(readFileSync('examples/presets/everything.yaml', 'utf8')).toBe(written);
  const rules = parseRules(written, { file: 'everything.yaml' });
  expect(rules.warnings).toEqual([]);
  for (const [name, [path]] of Object.entries(requests)) {
    const { decision } = route(rules, { method: 'GET', scheme: 'https', host, path });
    expect(decision, path).toMatchObject({ rule: name });
  }
});

test.each([
  ['https://a.example/x y', 'to: "https://a.example/x y'],
  ['a.example/#x', 'to: "a.example/#x'],
  ['https://a.example//', 'to: https://a.example/*path'],
  ['a: b', 'to: "a: b'],
])('what YAML would misread is quoted: %s', (address, line) => {
  const preset = findPreset('files');
  expect(preset && writeRuleFile(host, [{ preset, address }])).toContain(line);
  expect(existsSync('turnout.yaml')).toBe(false);
});
