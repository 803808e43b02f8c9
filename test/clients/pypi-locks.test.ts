import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import type { Machine } from './lab/machine.ts';
import { served } from './lab/recording-server.ts';
import { createPythonProject, makePythonMachine, type PythonProject } from './programs/python-project.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import {
  type Distribution,
  makeDistribution,
  type PythonFiles,
  type PythonIndex,
  startPythonFiles,
  startPythonIndex,
} from './upstreams/python-index.ts';

const cleanup = createCleanup();
const base = makeDistribution({ name: 'acme-base', version: '1.0.0' });
const cli = makeDistribution({ name: 'acme-cli', version: '2.0', requires: ['acme_base<1.1'] });
const newer = makeDistribution({ name: 'acme-base', version: '1.1.0' });
const wanted = [base, cli];
let machine: Machine;
let files: PythonFiles;
let indexes: Readonly<Record<'api' | 'static' | 'base', PythonIndex>>;

beforeAll(async () => {
  machine = await makePythonMachine();
  files = await cleanup.use(startPythonFiles('127.0.0.3'));
  const address = '127.0.0.2';
  indexes = {
    api: await cleanup.use(startPythonIndex({ address, layout: 'api', base: '/', files })),
    static: await cleanup.use(startPythonIndex({ address, layout: 'static', base: '/pub/python/' })),
    base: await cleanup.use(startPythonIndex({ address, layout: 'base', base: '/x/' })),
  };
  for (const index of Object.values(indexes)) index.add(base, newer, cli);
}, 900_000);
beforeEach(() => {
  for (const server of [files, ...Object.values(indexes)]) server.forget();
});
afterAll(() => cleanup.run());

function start(to: string): Promise<Turnout> {
  const lines = ['rules:', '  - name: python', '    protocol: pypi', '    at: /py/', `    to: ${to}`];
  return cleanup.use(startTurnout(`${lines.join('\n')}\n`));
}

function createProject({ origin }: Turnout, ...dependencies: readonly string[]): Promise<PythonProject> {
  return cleanup.use(createPythonProject(machine, `${origin}/py/simple/`, dependencies));
}

const pathOf = ({ name, file }: Distribution): string => `/py/files/${name}/${file}`;

/** The wheels that were asked of the gateway, and not refused. */
function wheels({ access }: Turnout): string[] {
  const fine = access().filter(({ method, status }) => method === 'GET' && status < 400);
  return [...new Set(fine.map(({ path }) => path).filter((path) => path.endsWith('.whl')))].sort();
}

/** The hosts that a lock file names. */
function originsIn(text: string): string[] {
  return [...new Set([...text.matchAll(/https?:\/\/[^/"'\s]+/g)].map(([origin]) => origin))];
}

type Command = readonly [program: string, ...args: string[]];

/** A program with a lock file, and what it says when something is wrong. */
interface Locker {
  readonly title: string;
  readonly version: readonly [command: Command, shown: RegExp];
  readonly lock: Command;
  readonly install: Command;
  /** Its lock file. */
  readonly file: string;
  /** Of a project that is not there. */
  readonly unknown: RegExp;
  /** Of an index that is down. */
  readonly down: RegExp;
}

// PDM tells neither from the other, and shows no status.
const NOT_FOUND =
  /Unable to find candidates for acme-\w+\. There may exist some issues with the package name or network/;

const programs: readonly Locker[] = [
  {
    title: 'Poetry',
    version: [['poetry', '--version'], /version 2\.\d/],
    lock: ['poetry', 'lock'],
    install: ['poetry', 'install'],
    file: 'poetry.lock',
    unknown: /doesn't match any versions/,
    down: /502/,
  },
  {
    title: 'PDM with hashes',
    version: [['pdm', '--version'], /version 2\.\d/],
    lock: ['pdm', 'lock'],
    install: ['pdm', 'sync', '--clean'],
    file: 'pdm.lock',
    unknown: NOT_FOUND,
    down: NOT_FOUND,
  },
  {
    title: 'PDM with addresses',
    version: [['pdm', '--version'], /version 2\.\d/],
    lock: ['pdm', 'lock', '--static-urls'],
    install: ['pdm', 'sync', '--clean'],
    file: 'pdm.lock',
    unknown: NOT_FOUND,
    down: NOT_FOUND,
  },
];

describe.each(programs)('$title', ({ title, version, lock, install, file, unknown, down }) => {
  async function lockIn(turnout: Turnout): Promise<PythonProject> {
    const project = await createProject(turnout, 'acme-cli');
    const locked = await project.run(...lock);
    expect(locked.ok, locked.output).toBe(true);
    return project;
  }

  test.each([
    ['relative to the page', 'static'],
    ['relative to a base', 'base'],
  ] as const)('installs by one lock file while the files are elsewhere: %s', async (_, layout) => {
    const other = indexes[layout];
    const turnout = await start(indexes.api.url);
    const project = await lockIn(turnout);
    const [command, shown] = version;
    expect((await project.run(...command)).output).toMatch(shown);
    const text = await project.read(file);
    for (const { sha256 } of wanted) expect(text).toContain(`sha256:${sha256}`);
    expect(originsIn(text).filter((origin) => origin !== turnout.origin)).toEqual([]);
    const addresses = title === 'PDM with addresses' ? wanted : [];
    for (const each of addresses) expect(text).toContain(turnout.origin + pathOf(each));

    const installed = await project.run(...install);
    expect(installed.ok, installed.output).toBe(true);
    expect(wheels(turnout)).toEqual(wanted.map(pathOf).sort());
    const loaded = await project.python(
      'import acme_base, acme_cli; print(acme_base.version, acme_cli.version)',
    );
    expect(loaded.stdout, loaded.output).toBe('1.0.0 2.0\n');

    await turnout.edit(`to: ${indexes.api.url}`, `to: ${other.url}/simple`);
    await project.clean();
    turnout.forget();
    for (const server of [files, indexes.api]) server.forget();
    const again = await project.run(...install);
    expect(again.ok, again.output).toBe(true);
    expect(await project.read(file)).toBe(text);
    expect(wheels(turnout)).toEqual(wanted.map(pathOf).sort());
    expect((await project.python('import acme_cli; print(acme_cli.version)')).stdout).toBe('2.0\n');
    expect([...files.requests, ...indexes.api.requests]).toEqual([]);
    expect(served(other.requests).some((path) => path.endsWith(cli.file))).toBe(true);
  });

  test('takes no file that is another after a switch', async () => {
    const turnout = await start(indexes.api.url);
    const project = await lockIn(turnout);
    const forged = await cleanup.use(
      startPythonIndex({ address: '127.0.0.2', layout: 'static', base: '/forged/' }),
    );
    forged.add(base, makeDistribution({ name: 'acme-cli', version: '2.0', requires: ['acme-base'] }));
    await turnout.edit(`to: ${indexes.api.url}`, `to: ${forged.url}`);
    const installed = await project.run(...install);
    expect(installed.ok).toBe(false);
    expect(installed.output).toMatch(/hash/i);
    expect((await project.python('import acme_cli')).ok).toBe(false);
  });

  test('says that a project is not there', async () => {
    const turnout = await start(indexes.api.url);
    const project = await createProject(turnout, 'acme-none');
    const locked = await project.run(...lock);
    expect(locked.ok).toBe(false);
    expect(locked.output).toMatch(unknown);
  });

  test('says that an index is down', async () => {
    const turnout = await start(`http://127.0.0.2:${await freePort('127.0.0.2')}`);
    const project = await createProject(turnout, 'acme-cli');
    const locked = await project.run(...lock);
    expect(locked.ok).toBe(false);
    expect(locked.output).toMatch(down);
    const got = await fetch(`${turnout.origin}/py/simple/acme-cli/`);
    expect([got.status, got.headers.has('retry-after')]).toEqual([502, true]);
  });
});
