/** The address of an archive, in the words of go-getter. */
export interface ModuleSource {
  /** The address without a folder and without a query. */
  readonly address: string;
  /** The folder inside of the archive, without its `//`; empty for the whole. */
  readonly folder: string;
  /** The parts of the query, as they are. */
  readonly query: readonly string[];
  /** What kind of archive it is: `tar.gz`. */
  readonly extension: string;
}

// go-getter, "Archive Formats".
const EXTENSIONS = ['tar.gz', 'tgz', 'tar.bz2', 'tbz2', 'tar.xz', 'txz', 'tar.zst', 'tzst', 'tar', 'zip'];
/** The parameters that are the client's own, and that no server is sent. */
const OWN_PARAMETERS = ['archive', 'checksum', 'filename'];

/**
 * Reads the source of a module: `https://a.example/x.tgz//folder?archive=tgz`; `undefined` when it is no archive that
 * is had over http, such as `git::https://…`.
 *
 * @see https://github.com/hashicorp/go-getter#subdirectories
 */
export function readModuleSource(source: string): ModuleSource | undefined {
  if (!/^https?:\/\/[!-~]+$/i.test(source) || source.includes('#') || !URL.canParse(source)) return undefined;
  const mark = source.indexOf('?');
  const path = mark === -1 ? source : source.slice(0, mark);
  const query = mark === -1 ? [] : source.slice(mark + 1).split('&');
  const double = path.indexOf('//', path.indexOf('://') + 3);
  const address = double === -1 ? path : path.slice(0, double);
  const folder = double === -1 ? '' : path.slice(double + 2);
  const named = query.find((part) => part.startsWith('archive='))?.slice('archive='.length);
  const extension = EXTENSIONS.find((each) =>
    named === undefined ? address.endsWith(`.${each}`) : named === each,
  );
  return extension === undefined ? undefined : { address, folder, query, extension };
}

/** The source with another address of its archive; the client's own parameters stay. */
export function toPublicSource(
  { folder, query, extension }: ModuleSource,
  toAddress: (extension: string) => string,
): string {
  const kept = query.filter((part) => /^(?:checksum|filename)=/.test(part));
  return `${toAddress(extension)}${folder === '' ? '' : `//${folder}`}?${[`archive=${extension}`, ...kept].join('&')}`;
}

/** The address of the archive, as go-getter asks for it. */
export function toDownload({ address, query }: ModuleSource): string {
  const sent = query.filter((part) => !OWN_PARAMETERS.some((name) => part.startsWith(`${name}=`)));
  return sent.length === 0 ? address : `${address}?${sent.join('&')}`;
}
