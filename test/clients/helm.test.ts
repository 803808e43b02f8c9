import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { createCleanup } from './lab/cleanup.ts';
import { served } from './lab/recording-server.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import {
  CHART,
  type ChartRepository,
  DIGEST,
  describeArtifactory,
  describeReleases,
  MUSEUM_INDEX,
  startChartRepository,
} from './upstreams/chart-repository.ts';

// Helm itself is in none of the registries that these tests install from. What is tested here is what it would ask for,
// as its source says (pkg/repo/chartrepo.go and pkg/downloader), of indexes in the shapes that real repositories have.

const cleanup = createCleanup();
let repositories: Readonly<
  Record<'assets' | 'pages' | 'museum' | 'artifactory' | 'private', ChartRepository>
>;
const assetsFolder = '/acme/charts/releases/download/kube-app-1.0.0-rc.1';

beforeAll(async () => {
  const start = (...args: Parameters<typeof startChartRepository>) =>
    cleanup.use(startChartRepository(...args));
  const assets = await start('/none', assetsFolder, () => '');
  repositories = {
    assets,
    pages: await start('/charts', '/none', () => describeReleases(assets.origin)),
    museum: await start('/museum', '/museum/charts', () => MUSEUM_INDEX),
    artifactory: await start('/artifactory/api/helm/helm', '/artifactory/helm-local', describeArtifactory),
    private: await start(
      '/artifactory/api/helm/helm',
      '/artifactory/helm-local',
      describeArtifactory,
      'secret',
    ),
  };
});
beforeEach(() => {
  for (const repository of Object.values(repositories)) repository.forget();
});
afterAll(() => cleanup.run());

function start(to: string, more = ''): Promise<Turnout> {
  const rule = `rules:\n  - name: charts\n    protocol: helm\n    at: /helm/\n    to: ${to}\n${more}`;
  return cleanup.use(startTurnout(rule));
}

interface Index {
  readonly entries: Readonly<Record<string, readonly { version: string; digest: string; urls: string[] }[]>>;
}

/** Pulls a chart as `helm pull --repo` does: the first address, relative to the repository; then its provenance. */
async function pull(repository: string): Promise<{ address: string; digest: string; provenance: string }> {
  const index = await fetch(`${repository}/index.yaml`);
  expect(index.status).toBe(200);
  const [entry] = (parse(await index.text()) as Index).entries['kube-app'] ?? [];
  const address = new URL(entry?.urls[0] ?? '', `${repository}/`).href;
  const chart = await fetch(address);
  expect(chart.status).toBe(200);
  const digest = createHash('sha256')
    .update(Buffer.from(await chart.arrayBuffer()))
    .digest('hex');
  expect(digest).toBe(entry?.digest);
  const provenance = await fetch(`${address}.prov`);
  return { address, digest, provenance: await provenance.text() };
}

describe.each<[kind: 'pages' | 'museum' | 'artifactory', address: string, chart: string]>([
  [
    'pages',
    '/helm/charts/kube-app/1.0.0-rc.1/kube-app-1.0.0-rc.1.tgz',
    `${assetsFolder}/kube-app-1.0.0-rc.1.tgz`,
  ],
  ['museum', '/helm/charts/kube-app-1.0.0-rc.1.tgz', '/museum/charts/kube-app-1.0.0-rc.1.tgz'],
  [
    'artifactory',
    '/helm/charts/kube-app/1.0.0-rc.1/kube-app-1.0.0-rc.1.tgz',
    '/artifactory/helm-local/kube-app-1.0.0-rc.1.tgz',
  ],
])('an index of the shape of %s', (kind, address, chart) => {
  test.each(['auto', 'proxy'])('leads to its charts through the gateway, in mode %s', async (mode) => {
    const turnout = await start(repositories[kind].url, `    mode: ${mode}\n`);
    expect(await pull(`${turnout.origin}/helm`)).toEqual({
      address: turnout.origin + address,
      digest: DIGEST,
      provenance: 'the signature',
    });
    const asked = Object.values(repositories).flatMap(({ requests }) => served(requests));
    expect(asked).toEqual(expect.arrayContaining([chart, `${chart}.prov`]));
    const { type } = await turnout.waitForAccess(({ path }) => path === address);
    expect(type).toBe(mode === 'auto' ? 'redirect' : 'proxy');
  });
});

test('an address that was written down before a switch leads to the chart after it', async () => {
  const turnout = await start(repositories.pages.url);
  const { address } = await pull(`${turnout.origin}/helm`);
  let before = repositories.pages.url;
  for (const next of [repositories.museum, repositories.artifactory]) {
    await turnout.edit(`    to: ${before}`, `    to: ${next.url}`);
    before = next.url;
    for (const repository of Object.values(repositories)) repository.forget();
    const chart = await fetch(address);
    expect(Buffer.from(await chart.arrayBuffer())).toEqual(CHART);
    expect(served(next.requests).some((path) => path.endsWith('.tgz'))).toBe(true);
    expect(repositories.assets.requests).toEqual([]);
  }
});

test('a private repository is served with the gateway’s credential', async () => {
  const auth = '    auth: { username: lab, password: secret }\n';
  const turnout = await start(repositories.private.url, auth);
  expect(await pull(`${turnout.origin}/helm`)).toMatchObject({ digest: DIGEST });
  const open = await start(repositories.private.url);
  expect((await fetch(`${open.origin}/helm/index.yaml`)).status).toBe(401);
  expect((await fetch(`${open.origin}/helm/charts/kube-app/1.0.0/x.tgz`)).status).toBe(401);
});

test('a chart that there is not is 404, and a repository that is down 502 or 503', async () => {
  const turnout = await start(repositories.museum.url);
  expect((await fetch(`${turnout.origin}/helm/charts/none/1.0.0/none-1.0.0.tgz`)).status).toBe(404);
  const down = await start('http://127.0.0.2:9');
  const answer = await fetch(`${down.origin}/helm/index.yaml`);
  expect([502, 503]).toContain(answer.status);
  expect(answer.headers.get('retry-after')).not.toBeNull();
});
