import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { type Certificate, createCertificate, startTlsFront, type TlsFront } from './lab/tls-front.ts';
import { createTerraformProject, type TerraformProject } from './programs/terraform.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { OTHER_LAYOUT, PUBLIC_LAYOUT, startTerraformRegistry } from './upstreams/terraform-registry.ts';
import { buildTerraformRelease, type TerraformRelease, VERSION } from './upstreams/terraform-release.ts';

const platform = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
const archive = `terraform-provider-tool_${VERSION}_${platform.replace('/', '_')}.zip`;

const cleanup = createCleanup();
let certificate: Certificate;
let release: TerraformRelease;
let registries: Readonly<Record<'first' | 'other' | 'private', RecordingServer>>;
let fronts: Readonly<Record<'first' | 'other' | 'private', TlsFront>>;

beforeAll(async () => {
  certificate = await cleanup.use(createCertificate());
  release = await buildTerraformRelease(platform);
  const start = (layout: typeof PUBLIC_LAYOUT) =>
    cleanup.use(startTerraformRegistry(release, platform, layout));
  registries = {
    first: await start(PUBLIC_LAYOUT),
    other: await start(OTHER_LAYOUT),
    private: await start({ ...OTHER_LAYOUT, token: 'secret' }),
  };
  // Clients that ask over https are not sent to http.
  const secure = ({ origin }: RecordingServer) =>
    cleanup.use(startTlsFront(origin, certificate, new URL(origin).hostname));
  fronts = {
    first: await secure(registries.first),
    other: await secure(registries.other),
    private: await secure(registries.private),
  };
});
beforeEach(() => {
  for (const registry of Object.values(registries)) registry.forget();
});
afterAll(() => cleanup.run());

interface Front {
  readonly turnout: Turnout;
  /** Such as `https://127.0.0.1:4711`. */
  readonly origin: string;
  readonly host: string;
}

async function start(rule: string): Promise<Front> {
  const rules = `rules:\n  - name: terraform\n    protocol: terraform\n${rule}\n`;
  const env = { NODE_EXTRA_CA_CERTS: certificate.file };
  const turnout = await cleanup.use(startTurnout(rules, { env, args: ['--trust-proxy', '127.0.0.1'] }));
  const { origin } = await cleanup.use(startTlsFront(turnout.origin, certificate));
  return { turnout, origin, host: new URL(origin).host };
}

function createProject(configuration: string, settings = ''): Promise<TerraformProject> {
  return cleanup.use(createTerraformProject(configuration, settings, certificate.file));
}

function requireTool(source: string): string {
  return `
terraform {
  required_providers {
    tool = { source = "${source}", version = "${VERSION}" }
  }
}
`;
}

/** What was asked for with GET and not refused. */
function asked({ turnout }: Front): string[] {
  const fine = turnout.access().filter(({ method, status }) => method === 'GET' && status < 400);
  return fine.map(({ path }) => path);
}

/** Where clients were sent, or the gateway went. */
function places({ turnout }: Front): string[] {
  return turnout.access().flatMap(({ location, target }) => location ?? target ?? []);
}

// It is in no registry of packages: where it is not, nothing can be said of it.
const here = (await run('terraform', ['version'])).ok;
if (!here) console.warn('terraform is not on the PATH: its tests are left out.');

describe.skipIf(!here).each(['auto', 'proxy'])('in mode %s, terraform', (mode) => {
  let front: Front;
  let project: TerraformProject;
  let first: string;

  beforeAll(async () => {
    first = `    to: ${fronts.first.origin}/acme/*name`;
    front = await start(`    match: acme/*name\n    mode: ${mode}\n${first}`);
    const module = `module "vpc" {\n  source  = "${front.host}/acme/vpc/aws"\n  version = "${VERSION}"\n}\n`;
    project = await createProject(requireTool(`${front.host}/acme/tool`) + module);
    const initialized = await project.terraform('init', '-no-color');
    expect(initialized.ok, initialized.output).toBe(true);
    expect(initialized.output).toContain(`Installed ${front.host}/acme/tool v${VERSION} (self-signed`);
  });

  test('installs a provider and a module, and asks the gateway for all of it', async () => {
    const download = `/v1/providers/acme/tool/${VERSION}/download/${platform}`;
    const expected = [
      '/.well-known/terraform.json',
      '/v1/providers/acme/tool/versions',
      download,
      `${download}/${archive}`,
      `${download}/terraform-provider-tool_${VERSION}_SHA256SUMS`,
      `${download}/terraform-provider-tool_${VERSION}_SHA256SUMS.sig`,
      '/v1/modules/acme/vpc/aws/versions',
      `/v1/modules/acme/vpc/aws/${VERSION}/download`,
    ];
    for (const address of expected)
      await front.turnout.waitForAccess(({ path, status }) => path === address && status < 400);
    await front.turnout.waitForAccess(({ path }) => path.includes('/archive.'));
    const archives = asked(front).filter((path) => path.includes('/archive.'));
    expect(archives[0]).toMatch(/^\/v1\/modules\/acme\/vpc\/aws\/1\.0\.0\/archive\.tgz$/);
    expect(await project.read('modules/vpc/module/main.tf')).toContain('of the lab');
  });

  test('writes a lock file that names the gateway and nothing else', async () => {
    const lockFile = await project.lockFile();
    expect(lockFile).toContain(`provider "${front.host}/acme/tool"`);
    expect(lockFile).toContain(`"zh:${release.shasum}"`);
    expect(lockFile).toContain('"h1:');
    expect(lockFile).not.toMatch(/127\.0\.0\.[23]/);
    expect(await project.modules()).toContain(front.host);
    expect(await project.modules()).not.toMatch(/127\.0\.0\.[23]/);
  });

  test('installs from another registry with the same lock file', async () => {
    const lockFile = await project.lockFile();
    await front.turnout.edit(first, `    to: ${fronts.other.origin}/acme-inc/*name`);
    await project.clean();
    front.turnout.forget();

    const initialized = await project.terraform('init', '-no-color', '-lockfile=readonly');

    expect(initialized.ok, initialized.output).toBe(true);
    expect(await project.lockFile()).toBe(lockFile);
    await front.turnout.waitForAccess(({ path }) => path.endsWith(`/${archive}`));
    expect(served(registries.other.requests)).toEqual(
      expect.arrayContaining([`${OTHER_LAYOUT.files}0a1b`, `${OTHER_LAYOUT.files}module.tgz`]),
    );
    // The registry of before has no part in it.
    expect(places(front).length).toBeGreaterThan(0);
    for (const place of places(front)) expect(new URL(place).origin).toBe(fronts.other.origin);
    const redirected = front.turnout.access().filter(({ type }) => type === 'redirect');
    expect(redirected.length > 0).toBe(mode === 'auto');
    await front.turnout.edit(`    to: ${fronts.other.origin}/acme-inc/*name`, first);
  });
});

describe.skipIf(!here)('a registry behind', () => {
  test('does not know a provider, and terraform says so', async () => {
    const front = await start(`    to: ${fronts.first.origin}`);
    const project = await createProject(requireTool(`${front.host}/acme/none`));
    const initialized = await project.terraform('init', '-no-color');
    expect(initialized.ok).toBe(false);
    expect(initialized.output.replace(/\s+/g, ' ')).toContain(
      `provider registry ${front.host} does not have a provider named ${front.host}/acme/none`,
    );
  });

  test('is down, and terraform says that the service is not available', async () => {
    const front = await start('    to: https://127.0.0.2:9');
    const project = await createProject(requireTool(`${front.host}/acme/tool`));
    const initialized = await project.terraform('init', '-no-color');
    expect(initialized.ok).toBe(false);
    expect(initialized.output.replace(/\s+/g, ' ')).toMatch(/50[23]|giving up after/);
  });

  test('may be private: the token is the gateway’s, and the client has none', async () => {
    const auth = '    auth: { token: secret }';
    const front = await start(
      `    match: acme/*name\n    to: ${fronts.private.origin}/acme-inc/*name\n${auth}`,
    );
    const module = `module "vpc" {\n  source  = "${front.host}/acme/vpc/aws"\n  version = "${VERSION}"\n}\n`;
    const project = await createProject(requireTool(`${front.host}/acme/tool`) + module);
    const initialized = await project.terraform('init', '-no-color');
    expect(initialized.ok, initialized.output).toBe(true);
    expect(await project.lockFile()).toContain(`"zh:${release.shasum}"`);
    const refused = await start(`    match: acme/*name\n    to: ${fronts.private.origin}/acme-inc/*name`);
    const other = await createProject(requireTool(`${refused.host}/acme/tool`));
    const failed = await other.terraform('init', '-no-color');
    expect(failed.ok).toBe(false);
    expect(failed.output.replace(/\s+/g, ' ')).toContain('requires authentication credentials');
  });
});

test.skipIf(!here)('a mirror of providers is behind, below a path, and another after it', async () => {
  const line = `    to: ${fronts.first.origin}/mirror`;
  const front = await start(`    at: /mirror/\n${line}`);
  const settings = `provider_installation {\n  network_mirror {\n    url = "${front.origin}/mirror/"\n  }\n}\n`;
  const project = await createProject(requireTool('acme/tool'), settings);
  const initialized = await project.terraform('init', '-no-color');
  expect(initialized.ok, initialized.output).toBe(true);
  const lockFile = await project.lockFile();
  expect(lockFile).toContain('provider "registry.terraform.io/acme/tool"');
  await front.turnout.waitForAccess(({ path }) => path.endsWith('.zip'));
  expect(asked(front)).toContain(`/mirror/registry.terraform.io/acme/tool/${archive}`);

  await front.turnout.edit(line, `    to: ${fronts.other.origin}/mirror`);
  await project.clean();
  const again = await project.terraform('init', '-no-color', '-lockfile=readonly');
  expect(again.ok, again.output).toBe(true);
  expect(await project.lockFile()).toBe(lockFile);
  expect(served(registries.other.requests)).toContain(`${OTHER_LAYOUT.files}0a1b`);
});
