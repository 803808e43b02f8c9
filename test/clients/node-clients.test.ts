import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import {
  createNodeProject,
  type NodeClient,
  type NodeProject,
  nodeClients,
} from './programs/node-clients.ts';
import { createNpmProject } from './programs/npm.ts';
import { type AccessRecord, startTurnout, type Turnout } from './programs/turnout.ts';
import {
  artifactory,
  github,
  type LayoutRegistry,
  startLayoutRegistry,
  tilde,
  usual,
} from './upstreams/npm-layouts.ts';
import { type NpmPackage, recordNpm } from './upstreams/npm-recording.ts';
import { type NpmUpstream, readNpmUpstream } from './upstreams/npm-upstream.ts';

const dependencies = { '@hapi/boom': '10.0.1', encodeurl: '2.0.0', ms: '2.1.3' };

const cleanup = createCleanup();
let upstream: NpmUpstream;
let packages: readonly NpmPackage[];
let registries: Readonly<Record<'usual' | 'github' | 'artifactory' | 'tilde', LayoutRegistry>>;

beforeAll(async () => {
  upstream = await readNpmUpstream();
  const project = await createNpmProject(dependencies, ['audit=false'], upstream);
  const direct = ['--package-lock-only', '--omit-lockfile-registry-resolved', `--registry=${upstream.url}`];
  const resolved = await project.npm('install', ...direct);
  expect(resolved.ok, resolved.output).toBe(true);
  packages = await project.locked();
  await project.stop();
  const recording = await recordNpm(upstream, packages);
  registries = {
    usual: await cleanup.use(startLayoutRegistry(recording, usual)),
    github: await cleanup.use(startLayoutRegistry(recording, github)),
    artifactory: await cleanup.use(startLayoutRegistry(recording, artifactory)),
    tilde: await cleanup.use(startLayoutRegistry(recording, tilde)),
  };
});
afterAll(() => cleanup.run());

/** Two mounts, so that a path of the registry's address is kept; the second has one scope. */
function start(to: string, scope = to): Promise<Turnout> {
  return cleanup.use(
    startTurnout(
      `
rules:
  - name: packages
    protocol: npm
    at: /npm/
    to: ${to}
  - name: scope
    protocol: npm
    at: /hapi/
    match: "@hapi/*"
    to: ${scope}
`,
      { env: { NPM_TOKEN: 'ghp_lab' }, hidden: upstream.host },
    ),
  );
}

function createProject(client: NodeClient, turnout: Turnout, scoped = true): Promise<NodeProject> {
  const scope = { name: '@hapi', registry: `${turnout.origin}/hapi/` };
  const wish = { registry: `${turnout.origin}/npm/`, dependencies, ...(scoped && { scope }) };
  return cleanup.use(createNodeProject(client, wish, upstream.host));
}

/** Leads all rules to another registry. */
function lead(turnout: Turnout, registry: LayoutRegistry): Promise<void> {
  const auth = registry === registries.github ? '\n    auth: { token: "${NPM_TOKEN}" }' : '';
  return turnout.reloadAfter(async () => {
    const text = (await readFile(turnout.file, 'utf8')).replace(/^ {4}auth: .*\n/gm, '');
    await writeFile(
      turnout.file,
      text.replace(/^ {4}to: .*$/gm, () => `    to: ${registry.url}${auth}`),
    );
  });
}

/** The files of all packages, where everybody looks for them. */
function tarballPaths(): string[] {
  return packages
    .map(({ name, version }) => `${name}/-/${name.split('/').at(-1)}-${version}.tgz`)
    .map((path) => (path.startsWith('@hapi/') ? `/hapi/${path}` : `/npm/${path}`))
    .sort();
}

/** The files that were asked for at the gateway. */
function asked(records: readonly AccessRecord[]): string[] {
  const files = records.filter(
    ({ path, status, method }) => path.endsWith('.tgz') && status < 400 && method === 'GET',
  );
  return [...new Set(files.map(({ path }) => path.replace(/%2f/i, '/')))].sort();
}

/** The hosts that a text names in addresses; a home page in a lock file is no place to install from. */
function hostsOf(lockFile: string): string[] {
  const text = lockFile.replace(/"funding": (?:\{[^}]*\}|\[[^\]]*\]|"[^"]*")/g, '');
  return [...new Set([...text.matchAll(/https?:\/\/([^/"'\s)]+)/g)].map(([, host = '']) => host))];
}

describe.each(nodeClients.map((client) => [`${client.name} ${client.version}`, client] as const))(
  '%s',
  (_, client) => {
    let turnout: Turnout;
    let project: NodeProject;

    beforeAll(async () => {
      turnout = await start(registries.usual.url);
      project = await createProject(client, turnout);
    });

    test('installs, asks the gateway for every file, and locks no other host', async () => {
      const installed = await project.run(...client.install);
      expect(installed.ok, installed.output).toBe(true);
      expect(asked(turnout.access())).toEqual(tarballPaths());
      expect(await project.read('node_modules/@hapi/boom/package.json')).toContain('"10.0.1"');
      const hosts = hostsOf(await project.lockFile());
      expect(hosts.filter((host) => host !== turnout.authority)).toEqual([]);
    });

    test.each(['github', 'artifactory', 'tilde'] as const)(
      'installs what is locked after a switch to another registry: %s',
      async (name) => {
        const registry = registries[name];
        const lockFile = await project.lockFile();
        await lead(turnout, registry);
        await project.clean();
        turnout.forget();
        for (const each of Object.values(registries)) each.forget();

        const installed = await project.run(...client.frozen);

        expect(installed.ok, installed.output).toBe(true);
        expect(await project.lockFile()).toBe(lockFile);
        expect(asked(turnout.access())).toEqual(tarballPaths());
        expect(new Set(registry.tarballs()).size).toBe(packages.length);
        expect(registries.usual.requests).toEqual([]);
        expect(await project.read('node_modules/@hapi/boom/package.json')).toContain('"10.0.1"');
      },
    );

    test('says so when there is no such package', async () => {
      const answered = await project.run(...client.ask('no-such-package'));
      expect(answered.ok).toBe(false);
      expect(answered.output).toMatch(client.unknown);
    });
  },
);
