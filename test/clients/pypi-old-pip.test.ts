import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bullseye } from './debians.ts';
import { createCleanup } from './lab/cleanup.ts';
import { makeDebian, openDebian } from './lab/debian.ts';
import { type RecordingServer, startRecordingServer } from './lab/recording-server.ts';
import { createPipProject, type PipProgram } from './programs/pip.ts';
import { startTurnout } from './programs/turnout.ts';
import { type Distribution, makeDistribution, startPythonIndex } from './upstreams/python-index.ts';

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';

const cleanup = createCleanup();
const base = makeDistribution({ name: 'acme-base', version: '1.0.0' });
const cli = makeDistribution({ name: 'acme-cli', version: '2.0', requires: ['acme_base<1.1'] });
const wanted = [base, cli];
const lock = wanted.map(({ name, version, sha256 }) => `${name}==${version} --hash=sha256:${sha256}`);
let program: PipProgram;

beforeAll(async () => {
  // The last pip that reads pages in HTML alone is 22.1; Debian 11 has this one.
  await makeDebian(bullseye);
  program = { machine: openDebian(bullseye), python: '/usr/bin/python3' };
}, 900_000);
afterAll(() => cleanup.run());

/** An index that sends JSON, whatever it is asked for. */
function startJsonIndex(distributions: readonly Distribution[]): Promise<RecordingServer> {
  return startRecordingServer('127.0.0.3', ({ url = '' }, response) => {
    const file = distributions.find((each) => url === `/blobs/${each.file}`);
    const project = /^\/simple\/([a-z-]+)\/$/.exec(url)?.[1];
    const found = distributions.filter(({ name }) => name === project);
    if (file) return void response.writeHead(200).end(file.body);
    if (found.length === 0) return void response.writeHead(404).end();
    const files = found.map(({ file: filename, body }) => ({
      filename,
      url: `../../blobs/${filename}`,
      hashes: { sha256: createHash('sha256').update(body).digest('hex') },
    }));
    const page = { meta: { 'api-version': '1.1' }, name: project, files };
    response.writeHead(200, { 'content-type': JSON_TYPE }).end(JSON.stringify(page));
  });
}

describe('pip 20.3 of Debian 11', () => {
  test('installs, and by the same hashes from an index that has no HTML', async () => {
    const api = await cleanup.use(startPythonIndex({ address: '127.0.0.2', layout: 'api', base: '/' }));
    api.add(...wanted);
    const json = await cleanup.use(startJsonIndex(wanted));
    const lines = ['rules:', '  - name: python', '    protocol: pypi', '    at: /py/', `    to: ${api.url}`];
    const turnout = await cleanup.use(startTurnout(`${lines.join('\n')}\n`));
    const project = await cleanup.use(createPipProject(`${turnout.origin}/py/simple/`, program));
    expect((await project.pip('--version')).stdout).toMatch(/^pip 20\.3\./);

    const installed = await project.install('Acme.CLI');
    expect(installed.ok, installed.output).toBe(true);
    // The first asks for pip; one that comes after is the gateway's own, to find a file.
    const [asked] = api.requests.filter(({ url }) => url === '/simple/acme-cli/');
    expect(asked?.headers.accept).toBe('text/html');

    const requirements = await project.demand(lock);
    await turnout.edit(`to: ${api.url}`, `to: ${json.origin}`);
    await project.clean();
    api.forget();
    const again = await project.install('--require-hashes', '-r', requirements);
    expect(again.ok, again.output).toBe(true);
    const loaded = await project.run(
      'import acme_base, acme_cli; print(acme_base.version, acme_cli.version)',
    );
    expect(loaded.stdout, loaded.output).toBe('1.0.0 2.0\n');
    expect(api.requests).toEqual([]);
    expect(json.requests.filter(({ url }) => url.startsWith('/blobs/')).map(({ status }) => status)).toEqual([
      200, 200,
    ]);

    const direct = await cleanup.use(createPipProject(`${json.origin}/simple/`, program));
    const refused = await direct.install('acme-cli');
    // So it is the gateway that makes the page readable.
    expect(refused.ok).toBe(false);
    expect(refused.output).toContain('No matching distribution found for acme-cli');
  });
});
