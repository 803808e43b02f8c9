import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import { served } from './lab/recording-server.ts';
import { createNugetProject, type NugetProject } from './programs/nuget.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type NugetSource, nugetLayouts, startNugetSource } from './upstreams/nuget-source.ts';

const TOKEN = 'only-the-gateway-knows';
const packages = [
  { id: 'Acme.Base', version: '1.0.0' },
  { id: 'Acme.Base', version: '1.1.0' },
  { id: 'Acme.Cli', version: '2.0.0', dependencies: { 'Acme.Base': '1.0.0' } },
];
const locked = { 'Acme.Base': '1.0.0', 'Acme.Cli': '2.0.0' };

const cleanup = createCleanup();
let sources: Readonly<Record<keyof typeof nugetLayouts | 'hidden', NugetSource>>;

beforeAll(async () => {
  const { gallery, github, azure } = nugetLayouts;
  sources = {
    gallery: await cleanup.use(startNugetSource(packages, gallery, '127.0.0.2')),
    github: await cleanup.use(startNugetSource(packages, github, '127.0.0.3')),
    azure: await cleanup.use(startNugetSource(packages, azure, '127.0.0.3')),
    hidden: await cleanup.use(startNugetSource(packages, azure, '127.0.0.2', TOKEN)),
  };
});
beforeEach(() => {
  for (const source of Object.values(sources)) source.forget();
});
afterAll(() => cleanup.run());

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['rules:', '  - name: dotnet', '    protocol: nuget', '    at: /nuget/', `    to: ${to}`];
  const env = { NUGET_TOKEN: TOKEN };
  return cleanup.use(startTurnout([...lines, ...more.map((line) => `    ${line}`), ''].join('\n'), { env }));
}

function createProject({ origin }: Turnout): Promise<NugetProject> {
  return cleanup.use(createNugetProject(`${origin}/nuget/index.json`, locked));
}

/** The packages that were asked of the gateway, and not refused. */
function files({ access }: Turnout): string[] {
  const fine = access().filter(({ method, status }) => method === 'GET' && status < 400);
  return fine.map(({ path }) => path).filter((path) => path.endsWith('.nupkg'));
}

const both = [
  '/nuget/flatcontainer/acme.base/1.0.0/acme.base.1.0.0.nupkg',
  '/nuget/flatcontainer/acme.cli/2.0.0/acme.cli.2.0.0.nupkg',
];

describe.each(['auto', 'redirect', 'proxy'])('in mode %s', (mode) => {
  let turnout: Turnout;
  let project: NugetProject;

  beforeAll(async () => {
    turnout = await start(sources.gallery.url, `mode: ${mode}`);
    project = await createProject(turnout);
    const restored = await project.nuget('restore', 'packages.config', '-PackagesDirectory', 'packages');
    expect(restored.ok, restored.output).toBe(true);
  });

  test('NuGet restores, and all that it fetches it asks the gateway for', async () => {
    expect(files(turnout).sort()).toEqual(both);
    expect(await project.read('packages/Acme.Cli.2.0.0/content/version.txt')).toBe('2.0.0');
  });

  test.each(['github', 'azure'] as const)(
    'restores the same while the packages are at %s',
    async (layout) => {
      const source = sources[layout];
      await turnout.edit(`to: ${sources.gallery.url}`, `to: ${source.url}`);
      await project.clean();
      turnout.forget();
      const restored = await project.nuget('restore', 'packages.config', '-PackagesDirectory', 'packages');
      expect(restored.ok, restored.output).toBe(true);
      expect(files(turnout).sort()).toEqual(both);
      expect(served(source.requests).filter((url) => url.endsWith('.nupkg'))).toHaveLength(2);
      expect(sources.gallery.requests).toEqual([]);
      expect(await project.read('packages/Acme.Base.1.0.0/content/version.txt')).toBe('1.0.0');
      await turnout.edit(`to: ${source.url}`, `to: ${sources.gallery.url}`);
    },
  );
});

describe.each(['gallery', 'github', 'azure'] as const)('a source like %s', (layout) => {
  test('installs a package with what it needs, and is searched', async () => {
    const turnout = await start(sources[layout].url);
    const project = await createProject(turnout);
    const installed = await project.nuget('install', 'Acme.Cli', '-OutputDirectory', 'packages');
    expect(installed.ok, installed.output).toBe(true);
    expect(files(turnout).sort()).toEqual(both);
    const asked = turnout.access().map(({ path }) => path);
    // What a package needs is in its registration, whose pages are asked for here too.
    expect(asked).toContain('/nuget/registrations/Versioned/acme.cli/index.json');
    expect(asked).toContain('/nuget/registrations/Versioned/acme.cli/page/2.0.0/2.0.0.json');

    const found = await project.nuget('search', 'cli', '-Source', `${turnout.origin}/nuget/index.json`);
    expect(found.output).toContain('Acme.Cli');
  });
});

describe('what goes wrong', () => {
  test('a package that is not there', async () => {
    const project = await createProject(await start(sources.gallery.url));
    const installed = await project.nuget('install', 'Acme.None');
    expect(installed.ok).toBe(false);
    expect(installed.output).toMatch(/Unable to find package 'Acme\.None'|Package 'Acme\.None' is not found/);
  });

  test('a source that is down', async () => {
    const turnout = await start(`http://127.0.0.2:${await freePort('127.0.0.2')}`);
    const installed = await (await createProject(turnout)).nuget('install', 'Acme.Cli');
    expect(installed.ok).toBe(false);
    expect(installed.output).toContain('502');
    expect((await fetch(`${turnout.origin}/nuget/index.json`)).headers.get('retry-after')).not.toBeNull();
  });
});

test('a source that wants a token, which only the gateway has', async () => {
  const turnout = await start(sources.hidden.url, 'auth: { token: "${NUGET_TOKEN}" }');
  const project = await createProject(turnout);
  const installed = await project.nuget('install', 'Acme.Cli', '-OutputDirectory', 'packages');
  expect(installed.ok, installed.output).toBe(true);
  expect(sources.hidden.requests.every(({ status }) => status === 200)).toBe(true);

  const closed = await start(sources.hidden.url);
  const refused = await (await createProject(closed)).nuget('install', 'Acme.Cli');
  expect(refused.ok).toBe(false);
  expect(refused.output).toContain('401');
});
