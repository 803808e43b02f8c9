import type { NpmUpstream } from './npm-upstream.ts';

/** One version in a packument, as far as the lab looks into it. */
export interface NpmVersion {
  readonly version: string;
  readonly dist: { readonly tarball: string };
}

/** What a registry says of a package. */
export interface Packument {
  readonly name: string;
  readonly versions: Readonly<Record<string, NpmVersion>>;
}

/** A package of one version. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
}

/** What was fetched from a registry, to be served by another. */
export interface NpmRecording {
  readonly packuments: ReadonlyMap<string, Packument>;
  /** By `NAME@VERSION`. */
  readonly tarballs: ReadonlyMap<string, Buffer>;
}

/** Fetches packages from a registry, by plain requests. */
export async function recordNpm(
  upstream: NpmUpstream,
  packages: readonly NpmPackage[],
): Promise<NpmRecording> {
  const packuments = new Map<string, Packument>();
  const tarballs = new Map<string, Buffer>();
  for (const { name, version } of packages) {
    const packument = packuments.get(name) ?? (await recordPackument(name));
    packuments.set(name, packument);
    const tarball = packument.versions[version]?.dist.tarball ?? '';
    tarballs.set(`${name}@${version}`, await upstream.download(tarball));
  }
  return { packuments, tarballs };

  async function recordPackument(name: string): Promise<Packument> {
    const body = await upstream.download(new URL(name.replace('/', '%2f'), upstream.url).href);
    return { ...(JSON.parse(body.toString('utf8')) as Packument), name };
  }
}
