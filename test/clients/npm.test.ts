import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { served } from './lab/recording-server.ts';
import { createNpmProject, type LockedPackage, type NpmProject } from './programs/npm.ts';
import { type AccessRecord, startTurnout, type Turnout } from './programs/turnout.ts';
import { type NpmPackage, recordNpm } from './upstreams/npm-recording.ts';
import { ADVISORY, type NpmRegistry, startNpmRegistry } from './upstreams/npm-registry.ts';
import { type NpmUpstream, readNpmUpstream } from './upstreams/npm-upstream.ts';

const dependencies = { '@hapi/boom': '10.0.1', send: '1.2.0' };
const settings = ['omit-lockfile-registry-resolved=false', 'audit=false'];
const firstLine = '    to: ${NPM_UPSTREAM}';

const cleanup = createCleanup();
let upstream: NpmUpstream;
let packages: readonly NpmPackage[];
let registries: Readonly<Record<'conventional' | 'scope' | 'own', NpmRegistry>>;

beforeAll(async () => {
  upstream = await readNpmUpstream();
  packages = await resolveDependencies();
  const recording = await recordNpm(upstream, packages);
  registries = {
    conventional: await cleanup.use(startNpmRegistry(recording, 'conventional')),
    scope: await cleanup.use(startNpmRegistry(recording, 'conventional')),
    own: await cleanup.use(startNpmRegistry(recording, 'own')),
  };
});
beforeEach(() => {
  for (const registry of Object.values(registries)) registry.forget();
});
afterAll(() => cleanup.run());

/** Lets npm find out, without a gateway, what the dependencies are. */
async function resolveDependencies(): Promise<LockedPackage[]> {
  const project = await createNpmProject(dependencies, ['audit=false'], upstream);
  const direct = ['--package-lock-only', '--omit-lockfile-registry-resolved', `--registry=${upstream.url}`];
  const resolved = await project.npm('install', ...direct);
  expect(resolved.ok, resolved.output).toBe(true);
  const locked = await project.locked();
  await project.stop();
  return locked;
}

function start(at: string, to: string): Promise<Turnout> {
  const rules = `
rules:
  - name: packages
    protocol: npm
    at: ${at}
${to}
`;
  const certificates = upstream.certificateFile;
  const env = {
    NPM_UPSTREAM: upstream.url,
    ...(certificates !== undefined && { NODE_EXTRA_CA_CERTS: certificates }),
  };
  return cleanup.use(startTurnout(rules, { env, hidden: upstream.host }));
}

function createProject(...lines: readonly string[]): Promise<NpmProject> {
  return cleanup.use(createNpmProject(dependencies, [...settings, ...lines], upstream));
}

/** Where everybody looks for a tarball. */
function tarballPath({ name, version }: NpmPackage): string {
  return `${name}/-/${name.split('/').at(-1)}-${version}.tgz`;
}

/** The paths that were asked for with GET and not refused, with the slash of a scoped name as it is. */
function paths(records: readonly AccessRecord[]): string[] {
  const fine = records.filter(({ method, status }) => method === 'GET' && status < 400);
  return fine.map(({ path }) => path.replace(/%2f/i, '/'));
}

/** The tarballs that a registry has served. */
function tarballs(registry: NpmRegistry): string[] {
  return served(registry.requests).filter((url) => url.endsWith('.tgz'));
}

describe.each(['/npm/', '/'])('mounted at %s', (at) => {
  let turnout: Turnout;
  let project: NpmProject;

  beforeAll(async () => {
    turnout = await start(at, firstLine);
    project = await createProject(`registry=${turnout.origin}${at}`);
    const installed = await project.npm('install');
    expect(installed.ok, installed.output).toBe(true);
  });

  test('npm installs real packages, and all that it fetches it asks the gateway for', async () => {
    expect(await project.locked()).toHaveLength(packages.length);
    expect(packages.length).toBeGreaterThan(12);
    const asked = paths(turnout.access());
    for (const entry of packages) {
      expect(asked).toContain(`${at}${entry.name}`);
      expect(asked).toContain(`${at}${tarballPath(entry)}`);
    }
    const loaded = await project.node(
      `require('send'); console.log(require('@hapi/boom').notFound().message)`,
    );
    expect(loaded.output).toBe('Not Found\n');
  });

  test('the lock file names the gateway and nothing else', async () => {
    for (const entry of await project.locked()) {
      expect(entry.resolved).toBe(`${turnout.origin}${at}${tarballPath(entry)}`);
      expect(entry.integrity).toMatch(/^sha512-/);
    }
  });

  test('the same lock file installs from another registry', async () => {
    const registry = registries.conventional;
    const lockFile = await project.lockFile();
    await turnout.edit(firstLine, `    to: ${registry.origin}`);
    await project.clean();
    turnout.forget();

    const installed = await project.npm('ci');

    expect(installed.ok, installed.output).toBe(true);
    expect(await project.lockFile()).toBe(lockFile);
    const asked = paths(turnout.access());
    for (const entry of packages) expect(asked).toContain(`${at}${tarballPath(entry)}`);
    expect(tarballs(registry)).toHaveLength(packages.length);
    // The registry of before has no part in it.
    const places = turnout.access().map(({ location, target }) => location ?? target ?? '');
    expect(places.every((place) => place.startsWith(registry.origin))).toBe(true);
    await turnout.edit(`    to: ${registry.origin}`, firstLine);
  });

  test('npm shows what a package is', async () => {
    const shown = await project.npm('view', '@hapi/boom@10.0.1', 'dist.tarball');
    expect(shown.ok, shown.output).toBe(true);
    expect(shown.stdout.trim()).toBe(`${turnout.origin}${at}@hapi/boom/-/boom-10.0.1.tgz`);
  });
});

describe('a registry behind', () => {
  let turnout: Turnout;
  let registry: NpmRegistry;

  beforeAll(async () => {
    registry = registries.conventional;
    turnout = await start('/npm/', `    to: ${registry.origin}`);
  });

  test('answers an audit, body and all', async () => {
    const project = await createProject(`registry=${turnout.origin}/npm/`);
    const installed = await project.npm('install', '--audit');
    expect(installed.ok, installed.output).toBe(true);
    expect(installed.output).toMatch(/\d+ high severity vulnerabilities/);
    expect(registry.audits.at(-1)).toMatchObject({ send: ['1.2.0'], '@hapi/boom': ['10.0.1'] });

    const audited = await project.npm('audit');
    expect(audited.ok).toBe(false);
    expect(audited.output).toContain(ADVISORY);
  });

  test.each(['send', '@hapi%2fboom', '@hapi%2Fboom', '@hapi/boom'])(
    'answers 304 for a packument that the client has: %s',
    async (name) => {
      const address = `${turnout.origin}/npm/${name}`;
      const first = await fetch(address);
      expect(first.status).toBe(200);
      const etag = first.headers.get('etag') ?? '';
      expect(etag).not.toBe('');
      expect(await first.text()).not.toContain(registry.origin);

      const again = await fetch(address, { headers: { 'if-none-match': etag } });
      expect(again.status).toBe(304);
      expect(await again.text()).toBe('');
      const other = await fetch(address, { headers: { 'if-none-match': '"other"' } });
      expect(other.status).toBe(200);
    },
  );

  test('never sees the credentials that npm has for the gateway', async () => {
    const { host } = new URL(turnout.origin);
    const project = await createProject(
      `registry=${turnout.origin}/npm/`,
      `//${host}/npm/:_authToken=secret`,
    );
    const installed = await project.npm('install');
    expect(installed.ok, installed.output).toBe(true);
    expect(registry.requests.length).toBeGreaterThan(packages.length);
    expect(registry.requests.filter(({ authorization }) => authorization !== 'none')).toEqual([]);
  });

  test('may serve one scope while another serves the rest', async () => {
    const { scope } = registries;
    const { origin } = await start('/hapi/', `    to: ${scope.origin}\n    match: '@hapi/*name'`);
    const project = await createProject(`registry=${turnout.origin}/npm/`, `@hapi:registry=${origin}/hapi/`);
    const installed = await project.npm('install');
    expect(installed.ok, installed.output).toBe(true);
    for (const entry of await project.locked()) {
      const mount = entry.name.startsWith('@hapi/') ? `${origin}/hapi/` : `${turnout.origin}/npm/`;
      expect(entry.resolved).toBe(`${mount}${tarballPath(entry)}`);
    }
    expect(tarballs(scope)).toHaveLength(packages.filter(({ name }) => name.startsWith('@hapi/')).length);
    expect((await fetch(`${origin}/hapi/send`)).status).toBe(404);
  });

  test('may keep its tarballs where only its packuments say', async () => {
    const { own } = registries;
    const { origin } = await start('/npm/', `    to: ${own.origin}`);
    const project = await createProject(`registry=${origin}/npm/`);
    const installed = await project.npm('install');
    expect(installed.ok, installed.output).toBe(true);
    for (const entry of await project.locked()) {
      expect(entry.resolved).toBe(`${origin}/npm/${tarballPath(entry)}`);
    }
    await project.clean();
    const again = await project.npm('ci');
    expect(again.ok, again.output).toBe(true);
    expect(tarballs(own)).toHaveLength(2 * packages.length);
  });

  test('does not know a package, and npm says so', async () => {
    const project = await createProject(`registry=${turnout.origin}/npm/`);
    const shown = await project.npm('view', 'no-such-package');
    expect(shown.ok).toBe(false);
    expect(shown.output).toContain('E404');
  });
});
