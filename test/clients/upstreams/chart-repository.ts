import { createHash } from 'node:crypto';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';

/** What a repository of charts serves, by path. */
export interface ChartRepository extends RecordingServer {
  /** The address that people give to helm. */
  readonly url: string;
}

/** The charts of the lab: their bytes are what matters, not what is in them. */
export const CHART: Buffer = Buffer.from('the bytes of kube-app 1.0.0-rc.1');
const digest = createHash('sha256').update(CHART).digest('hex');
/** The SHA-256 of the chart, as its index has it. */
export const DIGEST: string = digest;

/** An index as chart-releaser makes it for GitHub Pages: its charts are release assets of another host. */
export function describeReleases(assets: string): string {
  return `apiVersion: v1
entries:
  kube-app:
  - apiVersion: v2
    appVersion: 1.16.0
    created: "2026-03-05T11:22:33.444555666Z"
    description: A Helm chart for Kubernetes
    digest: ${digest}
    name: kube-app
    type: application
    urls:
    - ${assets}/acme/charts/releases/download/kube-app-1.0.0-rc.1/kube-app-1.0.0-rc.1.tgz
    version: 1.0.0-rc.1
generated: "2026-03-05T11:22:33.444555666Z"
`;
}

/** An index as ChartMuseum makes it: its charts are relative. */
export const MUSEUM_INDEX: string = `apiVersion: v1
entries:
  kube-app:
  - apiVersion: v2
    created: "2026-03-05T11:22:33.444555666Z"
    description: A Helm chart for Kubernetes
    digest: ${digest}
    name: kube-app
    urls:
    - charts/kube-app-1.0.0-rc.1.tgz
    version: 1.0.0-rc.1
generated: "2026-03-05T11:22:33Z"
serverInfo: {}
`;

/** An index as Artifactory makes it: its charts are at the address of the repository, and lists are indented. */
export function describeArtifactory(origin: string): string {
  return `apiVersion: "v1"
entries:
    kube-app:
      - created: "2026-03-05T11:22:33.444Z"
        digest: "${digest}"
        name: "kube-app"
        urls:
          - "${origin}/artifactory/helm-local/kube-app-1.0.0-rc.1.tgz"
        version: "1.0.0-rc.1"
`;
}

/** Starts a server of charts: the index by `describe`, the chart and its provenance below `folder`. */
export async function startChartRepository(
  base: string,
  folder: string,
  describe: (origin: string) => string,
  password?: string,
): Promise<ChartRepository> {
  const wanted = password && `Basic ${Buffer.from(`lab:${password}`).toString('base64')}`;
  const server: RecordingServer = await startRecordingServer('127.0.0.2', (request, response) => {
    const chart = `${folder}/kube-app-1.0.0-rc.1.tgz`;
    if (wanted && request.headers.authorization !== wanted) response.writeHead(401).end('unauthorized');
    else if (request.url === `${base}/index.yaml`) response.end(describe(server.origin));
    else if (request.url === chart) response.end(CHART);
    else if (request.url === `${chart}.prov`) response.end('the signature');
    else response.writeHead(404).end('404 page not found');
  });
  return { ...server, url: server.origin + base };
}
