import type { ServerResponse } from 'node:http';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { makeZip } from './zip.ts';

/** A version of a package. */
export interface NugetPackage {
  readonly id: string;
  readonly version: string;
  /** Lowest versions by id. */
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Where a source keeps what its service index names. */
export interface NugetLayout {
  readonly index: string;
  readonly content: string;
  readonly registrations: string;
  readonly search: string;
}

/** Layouts as services have them. */
export const nugetLayouts: Readonly<Record<'gallery' | 'github' | 'azure', NugetLayout>> = {
  gallery: {
    index: '/v3/index.json',
    content: '/v3-flatcontainer/',
    registrations: '/v3/registration5-semver2/',
    search: '/query',
  },
  // Without slashes at the ends, and everything of one package below its id.
  github: {
    index: '/acme/index.json',
    content: '/acme/download',
    registrations: '/acme',
    search: '/acme/query',
  },
  azure: {
    index: '/acme/_packaging/feed/nuget/v3/index.json',
    content: '/acme/_packaging/0a-1b/nuget/v3/flat2/',
    registrations: '/acme/_packaging/0a-1b/nuget/v3/registrations2/',
    search: '/acme/_packaging/0a-1b/nuget/v3/query2/',
  },
};

/** A NuGet source. */
export interface NugetSource extends RecordingServer {
  /** Where its service index is, without the `/index.json`. */
  readonly url: string;
}

/** Starts a source with packages; with a token, nothing is shown without it. */
export async function startNugetSource(
  packages: readonly NugetPackage[],
  layout: NugetLayout,
  address: string,
  token?: string,
): Promise<NugetSource> {
  const files = new Map<string, string | Buffer>();
  const server = await startRecordingServer(address, (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://nuget.invalid');
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return void response.writeHead(401).end();
    const file = files.get(pathname);
    if (file === undefined) return void response.writeHead(404).end();
    send(response, file, pathname);
  });
  const { origin } = server;
  const content = layout.content.replace(/\/?$/, '/');
  const registrations = layout.registrations.replace(/\/?$/, '/');
  const entry = (path: string, type: string) => ({ '@id': origin + path, '@type': type });
  const put = (path: string, document: unknown) => files.set(path, JSON.stringify(document));

  put(layout.index, {
    version: '3.0.0',
    resources: [
      entry(layout.content, 'PackageBaseAddress/3.0.0'),
      // What a client takes from 4.3 on, which knows versions as SemVer 2 has them.
      { ...entry(layout.registrations, 'RegistrationsBaseUrl/Versioned'), clientVersion: '4.3.0-alpha' },
      entry(layout.registrations, 'RegistrationsBaseUrl/3.6.0'),
      entry(layout.search, 'SearchQueryService'),
      entry(layout.search, 'SearchQueryService/3.0.0-beta'),
      entry('/publish', 'PackagePublish/2.0.0'),
    ],
  });
  put(layout.search, { totalHits: 1, data: packages.slice(-1).map(toHit) });
  for (const id of new Set(packages.map((each) => each.id))) {
    const own = packages.filter((each) => each.id === id);
    const lower = id.toLowerCase();
    put(`${content}${lower}/index.json`, { versions: own.map(({ version }) => version) });
    for (const each of own)
      files.set(`${content}${lower}/${each.version}/${lower}.${each.version}.nupkg`, makePackage(each));
    // The versions of a package with many are on pages of their own.
    const page = `${registrations}${lower}/page/${own[0]?.version}/${own.at(-1)?.version}.json`;
    put(`${registrations}${lower}/index.json`, { count: 1, items: [toPage(page, own, false)] });
    put(page, toPage(page, own, true));
  }
  return { ...server, url: origin + layout.index.replace(/\/index\.json$/, '') };

  function toPage(path: string, own: readonly NugetPackage[], whole: boolean): object {
    const [lower, upper] = [own[0]?.version, own.at(-1)?.version];
    const items = own.map((each) => toLeaf(each));
    return { '@id': origin + path, count: own.length, lower, upper, ...(whole && { items }) };
  }

  function toLeaf({ id, version, dependencies = {} }: NugetPackage): object {
    const lower = id.toLowerCase();
    const packageContent = `${origin}${content}${lower}/${version}/${lower}.${version}.nupkg`;
    const needs = Object.entries(dependencies).map(([other, lowest]) => ({
      id: other,
      range: `[${lowest}, )`,
      registration: `${origin}${registrations}${other.toLowerCase()}/index.json`,
    }));
    const catalogEntry = {
      '@id': `${origin}/catalog/${lower}.${version}.json`,
      id,
      version,
      listed: true,
      packageContent,
      dependencyGroups: [{ dependencies: needs }],
    };
    return { '@id': `${origin}${registrations}${lower}/${version}.json`, catalogEntry, packageContent };
  }
}

function toHit({ id, version }: NugetPackage): object {
  return {
    id,
    version,
    description: 'A package of the lab',
    totalDownloads: 7,
    versions: [{ version, downloads: 7 }],
  };
}

function makePackage({ id, version, dependencies = {} }: NugetPackage): Buffer {
  const needs = Object.entries(dependencies).map(
    ([other, lowest]) => `<dependency id="${other}" version="${lowest}" />`,
  );
  return makeZip({
    [`${id}.nuspec`]: `<?xml version="1.0"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>
<id>${id}</id><version>${version}</version><authors>Lab</authors><description>A package of the lab</description>
<dependencies>${needs.join('')}</dependencies>
</metadata></package>`,
    'content/version.txt': version,
    '[Content_Types].xml':
      '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types" />',
  });
}

function send(response: ServerResponse, file: string | Buffer, path: string): void {
  const type = path.endsWith('.nupkg') ? 'application/octet-stream' : 'application/json';
  response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(file) }).end(file);
}
