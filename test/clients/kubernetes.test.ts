import { chmod, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { addServe } from '../../src/cli/serve.ts';
import { turnoutProgram } from './build.ts';
import { createCleanup } from './lab/cleanup.ts';
import { run } from './lab/command.ts';
import { freePort } from './lab/free-port.ts';
import { installNpmProgram } from './lab/npm-program.ts';
import { type RunningProcess, startProcess } from './lab/process.ts';
import { replaceWords } from './lab/read-commands.ts';
import { startRecordingServer } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';

// examples/kubernetes and examples/container as far as they go without a cluster: the schemas of Kubernetes, and the
// container's command with the user, the read-only root and the folders that the manifest gives it.

const EXAMPLE = 'examples/kubernetes';

/** What has to be there of a manifest. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly securityContext: object;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
  }[];
}

interface Deployment extends Manifest {
  readonly spec: {
    readonly selector: { readonly matchLabels: object };
    readonly template: {
      readonly metadata: { readonly labels: object };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
        readonly containers: readonly [Container];
      };
    };
  };
}

const cleanup = createCleanup();
const manifests: Manifest[] = [];
let deployment: Deployment;
let container: Container;
let rules: string;

beforeAll(async () => {
  for (const file of (await readdir(EXAMPLE)).filter((name) => name.endsWith('.yaml'))) {
    for (const document of parseAllDocuments(await readFile(join(EXAMPLE, file), 'utf8'))) {
      expect(document.errors, file).toEqual([]);
      manifests.push(document.toJS() as Manifest);
    }
  }
  deployment = find<Deployment>('Deployment');
  [container] = deployment.spec.template.spec.containers;
  rules = find<Manifest & { data: Record<string, string> }>('ConfigMap').data['turnout.yaml'] ?? '';
});
afterAll(() => cleanup.run());

function find<M extends Manifest>(kind: string): M {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  expect(found, kind).toHaveLength(1);
  return found[0] as M;
}

/** The value of an option of the container's arguments. */
function option(name: string): string {
  return container.args[container.args.indexOf(name) + 1] ?? '';
}

describe('the manifests', () => {
  test('are as the schemas of Kubernetes want them', async () => {
    const modules = await installNpmProgram('kubernetes-models', '4.5.1');
    const load = createRequire(join(modules, 'index.js'));
    expect(manifests.map(({ kind }) => kind).sort()).toEqual(
      ['ConfigMap', 'Deployment', 'Ingress', 'PodDisruptionBudget', 'Service'].sort(),
    );
    for (const manifest of manifests) {
      const module = load(`kubernetes-models/${manifest.apiVersion}/${manifest.kind}`) as Record<
        string,
        new (
          data: object,
        ) => { validate(): void }
      >;
      const Model = module[manifest.kind]!;
      expect(() => new Model(manifest).validate(), manifest.kind).not.toThrow();
      expect(() => new Model({ ...manifest, metadata: { name: 7 } }).validate(), manifest.kind).toThrow();
    }
  });

  test('choose the pods of the deployment, by the names of its ports', () => {
    const { selector, template } = deployment.spec;
    const { labels } = template.metadata;
    expect(selector.matchLabels).toEqual(labels);
    const service = find<Manifest & { spec: { selector: object; ports: { targetPort: string }[] } }>(
      'Service',
    );
    expect(service.spec.selector).toEqual(labels);
    const budget = find<Manifest & { spec: { selector: { matchLabels: object } } }>('PodDisruptionBudget');
    expect(budget.spec.selector.matchLabels).toEqual(labels);
    const ports = container.ports.map(({ name }) => name);
    for (const { targetPort } of service.spec.ports) expect(ports).toContain(targetPort);
    for (const { httpGet } of [container.readinessProbe, container.livenessProbe])
      expect(ports).toContain(httpGet.port);
  });

  test('mount the rules as a folder, which alone is ever changed', () => {
    const mount = container.volumeMounts.find(({ name }) => name === 'rules');
    expect(mount).toMatchObject({ mountPath: '/etc/turnout', readOnly: true });
    expect(mount?.subPath).toBeUndefined();
  });

  test('give a pod longer than it takes new requests and lets downloads run', () => {
    const { terminationGracePeriodSeconds: most } = deployment.spec.template.spec;
    expect(Number(option('--drain-delay')) + Number(option('--grace'))).toBeLessThan(most);
  });

  test('write nowhere but to what is mounted', () => {
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    const state = container.volumeMounts.find(({ name }) => name === 'state')?.mountPath ?? '?';
    expect(option('--cache').startsWith(`${state}/`)).toBe(true);
  });

  test('have arguments that the program has', async () => {
    const program = new Command().exitOverride();
    addServe(program);
    const serve = program.commands[0]?.exitOverride().action(() => {});
    await program.parseAsync([...container.args], { from: 'user' });
    expect(serve?.args).toEqual(['/etc/turnout/turnout.yaml']);
  });

  test('have rules that pass `turnout check`', async () => {
    const folder = await cleanup.use(createTemporaryFolder());
    await writeFile(join(folder.path, 'turnout.yaml'), rules);
    const checked = await run(process.execPath, [
      turnoutProgram,
      'check',
      '--strict',
      join(folder.path, 'turnout.yaml'),
    ]);
    expect(checked.ok, checked.output).toBe(true);
  });
});

describe("the container's file", () => {
  const text = readFile('examples/container/Dockerfile', 'utf8');
  const listOf = (source: string, instruction: string) =>
    JSON.parse(
      new RegExp(`^(?:HEALTHCHECK .*)?${instruction} (\\[.*\\])$`, 'm').exec(source)?.[1] ?? '[]',
    ) as string[];

  test('starts the program itself, as the user of the manifest', async () => {
    const source = await text;
    expect(source.match(/^FROM .*$/gm)).toHaveLength(2);
    const { runAsUser, runAsGroup } = deployment.spec.template.spec.securityContext;
    expect(/^USER (.*)$/m.exec(source)?.[1]).toBe(`${runAsUser}:${runAsGroup}`);
    const manifest = JSON.parse(await readFile('package.json', 'utf8')) as { bin: { turnout: string } };
    expect(listOf(source, 'ENTRYPOINT')).toEqual([
      'node',
      `/turnout/node_modules/turnout/${manifest.bin.turnout}`,
    ]);
    expect(listOf(source, '^CMD'.slice(1)).length).toBeGreaterThan(0);
  });

  test('has a health check that tells a gateway that runs from none', async () => {
    const source = await text;
    const [program = '', ...args] = JSON.parse(
      /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(source)?.[1] ?? '[]',
    ) as string[];
    const port = await freePort();
    const here = replaceWords(args, {
      'http://127.0.0.1:9090/healthz': `http://127.0.0.1:${port}/healthz`,
    });
    // Alpine's wget is Busybox's.
    const check = () => run('busybox', [program, ...here]);
    expect((await check()).ok).toBe(false);
    const folder = await cleanup.use(createTemporaryFolder());
    await writeFile(join(folder.path, 'turnout.yaml'), rules);
    const [command = '', ...options] = /^CMD (\[.*\])$/m.exec(source)?.[1]
      ? (JSON.parse(/^CMD (\[.*\])$/m.exec(source)?.[1] ?? '[]') as string[])
      : [];
    const words = replaceWords(options, {
      '/etc/turnout/turnout.yaml': join(folder.path, 'turnout.yaml'),
      '0.0.0.0': '127.0.0.1',
      '0.0.0.0:9090': `127.0.0.1:${port}`,
    });
    const gateway = await cleanup.use(
      startProcess(process.execPath, [turnoutProgram, command, ...words, '--port', '0']),
    );
    await gateway.waitFor(/turnout ready/);
    const checked = await check();
    expect(checked.ok, checked.output).toBe(true);
  });
});

/** Runs a command as a container does: the root is read-only but for one folder, the user is nobody special. */
const CONTAIN = `
app=$1 project=$2 state=$3 user=$4 group=$5
shift 5
mount --bind "$project" "$app"
mount --bind "$state" "$state"
mount -o remount,bind,ro /
for point in /tmp /var /home /root; do
  if mountpoint -q "$point"; then mount -o remount,bind,ro "$point"; fi
done
exec setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"
`;

describe("the pod's process", () => {
  let config: string;
  let state: string;
  let gateway: RunningProcess;
  let origin: string;
  let admin: string;
  let downloads: string;

  beforeAll(async () => {
    const { path } = await cleanup.use(createTemporaryFolder());
    const app = join(path, 'app');
    config = join(path, 'config');
    state = join(path, 'state');
    for (const folder of [app, config, state]) await mkdir(folder);
    await chmod(path, 0o755);
    // What fsGroup does.
    await chmod(state, 0o777);
    downloads = (
      await cleanup.use(
        startRecordingServer('127.0.0.2', async ({ url = '' }, response) => {
          for (let part = 0; url.endsWith('/slow') && part < 40; part += 1) {
            response.write('part,');
            await delay(300);
          }
          response.end(`end of ${url}`);
        }),
      )
    ).origin;
    await project(1);
    const [port, adminPort] = [await freePort(), await freePort()];
    [origin, admin] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`];
    const args = replaceWords(container.args, {
      '/etc/turnout/turnout.yaml': join(config, 'turnout.yaml'),
      '/var/lib/turnout/rules.json': join(state, 'rules.json'),
      '0.0.0.0': '127.0.0.1',
      '0.0.0.0:9090': `127.0.0.1:${adminPort}`,
    });
    const { runAsUser, runAsGroup } = deployment.spec.template.spec.securityContext;
    const inside = [app, process.cwd(), state, `${runAsUser}`, `${runAsGroup}`];
    const command = [process.execPath, join(app, 'dist/cli/turnout.js'), ...args, '--port', `${port}`];
    gateway = await cleanup.use(
      startProcess('unshare', ['--mount', 'sh', '-euc', CONTAIN, 'sh', ...inside, ...command]),
    );
    await gateway.waitFor(/turnout ready/);
  });

  /** Puts a version of the rules there as the kubelet does: a new folder, and one link that leads to it. */
  async function project(version: number, change = (text: string) => text): Promise<void> {
    const text = rules
      .replaceAll('host: get.acme.example', 'host: 127.0.0.1')
      .replace('https://downloads.acme-inc.example', `${downloads}/v${version}`)
      .replace('https://files.acme-inc.example', `${downloads}/v${version}`);
    const name = `..2026_11_24_${version}`;
    const before = (await readdir(config)).filter((each) => each.startsWith('..2026'));
    await mkdir(join(config, name));
    await writeFile(join(config, name, 'turnout.yaml'), change(text));
    await symlink(name, join(config, '..data_tmp'));
    await rename(join(config, '..data_tmp'), join(config, '..data'));
    if (before.length === 0) await symlink('..data/turnout.yaml', join(config, 'turnout.yaml'));
    for (const old of before) await rm(join(config, old), { recursive: true });
  }

  const probe = async ({ httpGet }: Probe) => (await fetch(admin + httpGet.path)).status;
  const answer = async () => (await fetch(`${origin}/inside/a`)).text();

  test('is nobody special, and can write its state alone', async () => {
    const status = await readFile(`/proc/${gateway.pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    const mounts = await readFile(`/proc/${gateway.pid}/mounts`, 'utf8');
    expect(mounts).toMatch(/^\S+ \/ \S+ ro[, ]/m);
    expect((await readdir(state)).sort()).toEqual(['.turnout', 'rules.json']);
    expect(gateway.stderr()).toBe('');
  });

  test('answers its probes', async () => {
    expect(await probe(container.readinessProbe)).toBe(200);
    expect(await probe(container.livenessProbe)).toBe(200);
    expect(await answer()).toBe('end of /v1/a');
  });

  test('takes up a ConfigMap that the kubelet has swapped, each time', async () => {
    for (const version of [2, 3, 4]) {
      await project(version);
      await expect.poll(answer, { timeout: 5000 }).toBe(`end of /v${version}/a`);
    }
  });

  test('stays ready, by the rules of before, when a ConfigMap has a mistake', async () => {
    await project(5, (text) => text.replace('protocol: file', 'protocol: fiel'));
    await gateway.waitFor(/unknown_protocol/);
    expect(await probe(container.readinessProbe)).toBe(200);
    expect(await answer()).toBe('end of /v4/a');
    await project(6);
    await expect.poll(answer, { timeout: 5000 }).toBe('end of /v6/a');
  });

  test('is not ready when it is to end, still takes requests, and lets a download end in the time that it has', async () => {
    const download = fetch(`${origin}/inside/slow`).then((slow) => slow.text());
    await delay(500);
    const started = performance.now();
    gateway.signal('SIGTERM');
    await expect.poll(() => probe(container.readinessProbe)).toBe(503);
    expect(await probe(container.livenessProbe)).toBe(200);
    await delay(Number(option('--drain-delay')) * 1000 - 2000);
    expect(await answer()).toBe('end of /v6/a');
    expect(await download).toBe(`${'part,'.repeat(40)}end of /v6/slow`);
    expect(await gateway.exit()).toBe(0);
    const { terminationGracePeriodSeconds } = deployment.spec.template.spec;
    expect(performance.now() - started).toBeLessThan(terminationGracePeriodSeconds * 1000);
  });
});
