import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { toNodeHandler } from '../../src/adapters/node.ts';
import { compileRules } from '../../src/core/compile.ts';
import { rule } from '../../src/core/rule.ts';
import { cargo } from '../../src/protocols/cargo.ts';
import { listen } from '../gateway/serving.ts';
import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { type CargoProject, createCargoProject } from './programs/cargo.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import {
  type CargoRegistry,
  markedLayout,
  type PackedCrate,
  packCrate,
  plainLayout,
  startCargoRegistry,
} from './upstreams/cargo-registry.ts';

const main = `fn main() { println!("{}", acme_greet::greet()); }\n`;
const cleanup = createCleanup();
let crates: readonly PackedCrate[];
let registries: Readonly<Record<'plain' | 'marked' | 'locked', CargoRegistry>>;

beforeAll(async () => {
  crates = [
    await packCrate('Acme-Words', '1.2.0+build.7', 'pub fn hello() -> &\'static str { "hello" }\n'),
    await packCrate(
      'acme-greet',
      '1.0.0',
      'pub fn greet() -> String { format!("{} from a crate", Acme_Words::hello()) }\n',
      ['Acme-Words'],
    ),
  ];
  registries = {
    plain: await cleanup.use(startCargoRegistry(crates, plainLayout)),
    marked: await cleanup.use(startCargoRegistry(crates, markedLayout)),
    locked: await cleanup.use(startCargoRegistry(crates, markedLayout, 's3cret')),
  };
}, 60_000);
beforeEach(() => {
  for (const registry of Object.values(registries)) registry.forget();
});
afterAll(() => cleanup.run());

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['protocol: cargo', 'at: /cargo/', `to: ${to}`, ...more].map((line) => `    ${line}\n`);
  return cleanup.use(startTurnout(`rules:\n  - name: crates\n${lines.join('')}`));
}

function indexOf(turnout: Pick<Turnout, 'origin'>): string {
  return `sparse+${turnout.origin}/cargo/`;
}

/** A project that names the registry, as most have it. */
function createProject(
  turnout: Pick<Turnout, 'origin'>,
  dependency = 'acme-greet',
  env = {},
): Promise<CargoProject> {
  const config = `[registries.acme]\nindex = "${indexOf(turnout)}"\n`;
  const dependencies = `${dependency} = { version = "1", registry = "acme" }`;
  return cleanup.use(createCargoProject(config, dependencies, main, env));
}

/** The paths that Cargo asked the gateway for, and was served. */
function asked(turnout: Turnout): string[] {
  return turnout
    .access()
    .filter(({ status }) => status < 400)
    .map(({ path }) => decodeURIComponent(path));
}

const downloads = [
  '/cargo/crates/Acme-Words/1.2.0+build.7/Acme-Words-1.2.0+build.7.crate',
  '/cargo/crates/acme-greet/1.0.0/acme-greet-1.0.0.crate',
];

describe.each(['auto', 'proxy'])('in the mode %s', (mode) => {
  let turnout: Turnout;
  let project: CargoProject;

  beforeAll(async () => {
    turnout = await start(registries.plain.url, `mode: ${mode}`);
    project = await createProject(turnout);
  });

  test('Cargo builds with crates that it asks the gateway for', async () => {
    const built = await project.cargo('run', '--quiet');
    expect(built.ok, built.output).toBe(true);
    expect(built.stdout).toBe('hello from a crate\n');
    for (const path of [...downloads, '/cargo/config.json', '/cargo/ac/me/acme-greet'])
      expect(asked(turnout)).toContain(path);
    expect(served(registries.plain.downloads.requests)).toHaveLength(crates.length);
    // Only what stands between: the bytes go straight where that is possible.
    const types = turnout.access().filter(({ path }) => path.endsWith('.crate'));
    expect(types.map(({ type }) => type)).toEqual(crates.map(() => (mode === 'auto' ? 'redirect' : 'proxy')));
  });

  test('the lock file names the gateway and nothing else', async () => {
    const lockFile = await project.lockFile();
    const sources = [...lockFile.matchAll(/^source = "(.*)"$/gm)].map(([, source]) => source);
    expect(sources).toEqual(crates.map(() => indexOf(turnout)));
    for (const { checksum } of crates) expect(lockFile).toContain(checksum);
  });

  test('the same lock file builds from a registry in another layout', async () => {
    const lockFile = await project.lockFile();
    await turnout.edit(`to: ${registries.plain.url}`, `to: ${registries.marked.url}`);
    await project.clean();
    turnout.forget();

    const fetched = await project.cargo('fetch', '--locked');
    expect(fetched.ok, fetched.output).toBe(true);
    const built = await project.cargo('run', '--quiet', '--locked');
    expect(built.ok, built.output).toBe(true);

    expect(built.stdout).toBe('hello from a crate\n');
    expect(await project.lockFile()).toBe(lockFile);
    for (const path of downloads) expect(asked(turnout)).toContain(path);
    expect(served(registries.marked.downloads.requests).map(decodeURIComponent).toSorted()).toEqual(
      crates.map((crate) => markedLayout.pathOf(crate)).toSorted(),
    );
    expect([...registries.plain.index.requests, ...registries.plain.downloads.requests]).toEqual([]);
  });
});

describe('a registry behind', () => {
  let turnout: Turnout;

  beforeAll(async () => {
    turnout = await start(registries.marked.url);
  });

  test('may stand in for crates.io', async () => {
    const config = `[source.crates-io]
replace-with = "acme"

[source.acme]
registry = "${indexOf(turnout)}"
`;
    const project = await cleanup.use(createCargoProject(config, 'acme-greet = "1"', main));
    const built = await project.cargo('run', '--quiet');
    expect(built.ok, built.output).toBe(true);
    expect(built.stdout).toBe('hello from a crate\n');
    for (const path of downloads) expect(asked(turnout)).toContain(path);
    // Cargo writes what is replaced, which is the same whatever stands in for it.
    expect(await project.lockFile()).toContain(
      'source = "registry+https://github.com/rust-lang/crates.io-index"',
    );
  });

  test('may have some of the crates, and another the rest', async () => {
    const both = await start(registries.plain.url);
    await both.edit(
      `    to: ${registries.plain.url}\n`,
      `    to: ${registries.plain.url}
  - { name: words, protocol: cargo, at: /cargo/, match: acme-words, to: "${registries.marked.url}" }
`,
    );
    const project = await createProject(both);
    const built = await project.cargo('run', '--quiet');
    expect(built.ok, built.output).toBe(true);
    const [words, greet] = crates.map((crate) => [markedLayout.pathOf(crate), plainLayout.pathOf(crate)]);
    const files = (server: RecordingServer): string[] => served(server.requests).map(decodeURIComponent);
    expect(files(registries.marked.downloads)).toEqual([words?.[0]]);
    expect(files(registries.plain.downloads)).toEqual([greet?.[1]]);
  });

  test('is searched', async () => {
    const project = await createProject(turnout);
    const found = await project.cargo('search', 'acme', '--registry', 'acme');
    expect(found.ok, found.output).toBe(true);
    expect(found.stdout).toMatch(/^acme-greet = "1\.0\.0"/m);
  });

  test('is not published to', async () => {
    const project = await createProject(turnout, 'acme-greet', { CARGO_REGISTRIES_ACME_TOKEN: 'x' });
    const yanked = await project.cargo('yank', 'acme-greet@1.0.0', '--registry', 'acme');
    expect(yanked.ok).toBe(false);
    expect(yanked.output).toContain('publish to the registry itself');
    expect(registries.marked.downloads.requests).toEqual([]);
  });

  test('does not know a crate, and Cargo says so', async () => {
    const project = await createProject(turnout, 'no-such-crate');
    const fetched = await project.cargo('fetch');
    expect(fetched.ok).toBe(false);
    expect(fetched.output).toContain('no matching package named `no-such-crate` found');
  });

  test('does not have a crate of its index, and Cargo says so', async () => {
    const short = await cleanup.use(
      startCargoRegistry(crates, { ...plainLayout, dl: '/moved/{crate}-{version}' }),
    );
    const project = await createProject(await start(short.url));
    const fetched = await project.cargo('fetch');
    expect(fetched.ok).toBe(false);
    expect(fetched.output).toContain('got 404');
  });

  test('is down, and Cargo says so', async () => {
    const down = await start(`http://127.0.0.2:${await freePort()}`, 'mode: proxy');
    const project = await createProject(down);
    const fetched = await project.cargo('fetch');
    expect(fetched.ok).toBe(false);
    expect(fetched.output).toContain('got 502');
    expect(fetched.output).toContain('The upstream gives no usable answer.');
  });

  test('may want a token that only the gateway has', async () => {
    const open = await start(registries.locked.url);
    const refused = await (await createProject(open)).cargo('fetch');
    expect(refused.ok).toBe(false);
    expect(refused.output).toContain('401');

    const held = await start(registries.locked.url, 'auth: { token: s3cret }');
    const project = await createProject(held);
    const fetched = await project.cargo('fetch');
    expect(fetched.ok, fetched.output).toBe(true);
    expect(served(registries.locked.index.requests).filter((url) => url.includes('/files/'))).toHaveLength(2);
    expect(fetched.output + (await project.lockFile())).not.toContain('s3cret');
  });

  test('may want a token of each person', async () => {
    const rules = [rule(cargo, { at: '/cargo/', to: registries.locked.url, auth: 'client' })];
    const delegated = await listen(toNodeHandler(compileRules(rules)));
    const providers = { CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS: 'cargo:token' };
    const stranger = await (await createProject(delegated, 'acme-greet', providers)).cargo('fetch');
    expect(stranger.ok).toBe(false);
    expect(stranger.output).toContain('cargo login');

    const env = { ...providers, CARGO_REGISTRIES_ACME_TOKEN: 'Bearer s3cret' };
    const fetched = await (await createProject(delegated, 'acme-greet', env)).cargo('fetch');
    expect(fetched.ok, fetched.output).toBe(true);
  });
});
