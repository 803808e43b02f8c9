import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { freePort } from './lab/free-port.ts';
import { installNpmProgram } from './lab/npm-program.ts';
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

/** The line of a rule that holds the token of the private registry. */
const held = 'auth: { token: "${NPM_TOKEN}" }';

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
function lead(turnout: Turnout, url: string, ...more: readonly string[]): Promise<void> {
  return turnout.reloadAfter(async () => {
    const text = (await readFile(turnout.file, 'utf8')).replace(/^ {4}(?:auth|mode): .*\n/gm, '');
    await writeFile(
      turnout.file,
      text.replace(/^ {4}to: .*$/gm, () => [`to: ${url}`, ...more].map((line) => `    ${line}`).join('\n')),
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
      await expect.poll(() => asked(turnout.access())).toEqual(tarballPaths());
      expect(await project.read('node_modules/@hapi/boom/package.json')).toContain('"10.0.1"');
      const hosts = hostsOf(await project.lockFile());
      expect(hosts.filter((host) => host !== turnout.authority)).toEqual([]);
    });

    test.each([
      ['github', held],
      ['github', held, 'mode: proxy'],
      ['artifactory'],
      ['artifactory', 'mode: proxy'],
      ['tilde'],
    ] as const)(
      'installs what is locked after a switch to another registry: %s %s %s',
      async (name, ...more) => {
        const registry = registries[name];
        const lockFile = await project.lockFile();
        await lead(turnout, registry.url, ...more);
        await project.clean();
        turnout.forget();
        for (const each of Object.values(registries)) each.forget();

        const installed = await project.run(...client.frozen);

        expect(installed.ok, installed.output).toBe(true);
        expect(await project.lockFile()).toBe(lockFile);
        await expect.poll(() => asked(turnout.access())).toEqual(tarballPaths());
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

    test('says so when the registry refuses, whose token the gateway does not have', async () => {
      await lead(turnout, registries.github.url);
      await project.clean();
      const installed = await project.run(...client.frozen);
      expect(installed.ok).toBe(false);
      expect(installed.output).toMatch(client.refused);
    });

    test('says so when the registry is out of order', async () => {
      await lead(turnout, `http://127.0.0.2:${await freePort('127.0.0.2')}`);
      const installed = await project.run(...client.frozen);
      expect(installed.ok).toBe(false);
      expect(installed.output).toMatch(client.down);
    });
  },
);

describe('npm asks through the gateway', () => {
  let turnout: Turnout;
  let project: NodeProject;

  beforeAll(async () => {
    turnout = await start(registries.artifactory.url);
    project = await createProject(nodeClients[0] as NodeClient, turnout, false);
  });

  test.each<readonly [title: string, args: readonly string[], output: RegExp]>([
    [
      'what a package is',
      ['view', '@hapi/boom@10.0.1', 'dist.tarball'],
      /\/npm\/@hapi\/boom\/-\/boom-10\.0\.1\.tgz\n$/,
    ],
    ['its tags', ['dist-tag', 'ls', 'ms'], /^latest: 2\.\d/m],
    ['the tags of a scoped one', ['dist-tag', 'ls', '@hapi/boom'], /^latest: /m],
    ['for a sign of life', ['ping'], /PONG/],
    ['for packages', ['search', 'encode'], /encodeurl/],
  ])('%s', async (_, args, output) => {
    const answered = await project.run(...args);
    expect(answered.ok, answered.output).toBe(true);
    expect(answered.output).toMatch(output);
    expect(answered.output).not.toContain(registries.artifactory.origin);
  });

  test.each(['ms@2.1.3', '@hapi/boom@10.0.1'])(
    'for keys and attestations, and finds %s signed',
    async (spec) => {
      // `npm audit signatures` wants Sigstore's own server first, which is not to be had here; this is what it runs then.
      const pacote = join(await installNpmProgram('npm', '11.19.1'), 'npm/node_modules/pacote');
      const registry = `${turnout.origin}/npm/`;
      await project.write(
        'verify.cjs',
        `const [pacote, registry, spec, spoilt] = process.argv.slice(2);
      (async () => {
        const { keys } = await (await fetch(registry + '-/npm/v1/keys')).json();
        const pem = (key) => '-----BEGIN PUBLIC KEY-----\\n' + key + '\\n-----END PUBLIC KEY-----';
        const _keys = keys.map((key) => ({ ...key, pemkey: pem(key.key) }));
        const options = { registry, cache: 'verify-cache', verifySignatures: true, verifyAttestations: true };
        options[registry.replace('http:', '') + ':_keys'] = spoilt ? [] : _keys;
        const { _signatures, dist } = await require(pacote).manifest(spec, options);
        console.log(_signatures.length, dist.tarball);
      })().catch(({ code }) => console.log(code));`,
      );
      const verify = (...more: string[]) =>
        run(process.execPath, ['verify.cjs', pacote, registry, spec, ...more], { cwd: project.path });
      turnout.forget();
      expect((await verify()).output).toMatch(/^1 http:\/\/127\.0\.0\.1:\d+\/npm\//);
      const asked = `/npm/-/npm/v1/attestations/${spec.replace('/', '%2f')}`;
      await turnout.waitForAccess(({ path }) => path === asked);
      expect((await verify('spoilt')).output).toBe('EMISSINGSIGNATUREKEY\n');
    },
  );

  test.each([
    ['publish', ['publish'], /405/],
    ['set a tag', ['dist-tag', 'add', 'ms@2.1.3', 'stable'], /405/],
  ])('and may not %s', async (_, args, output) => {
    await project.write(
      '.npmrc',
      `${await project.read('.npmrc')}//${turnout.authority}/npm/:_authToken=mine\n`,
    );
    await project.write('package.json', JSON.stringify({ name: '@hapi/lab', version: '1.0.0' }));
    const answered = await project.run(...args);
    expect(answered.ok).toBe(false);
    expect(answered.output).toMatch(output);
    expect(answered.output).toContain('publish to the registry itself');
  });
});
