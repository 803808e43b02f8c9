import { createHash } from 'node:crypto';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';

/** Where a server has its channel, and where its packages. */
export interface CondaLayout {
  /** The address that it listens on. */
  readonly address: string;
  /** The channel's path. */
  readonly channel: string;
  /** The path of packages when they are not beside their index. */
  readonly packages?: string;
  /** The token that it wants. */
  readonly token?: string;
}

/** The package of the lab: its bytes are what matters, not what is in them. */
export const PACKAGE: Buffer = Buffer.from('the bytes of tool 1.2.0');
/** The name of its file. */
export const FILE = 'tool-1.2.0-h0_0.conda';
const sha256 = createHash('sha256').update(PACKAGE).digest('hex');

const record = {
  name: 'tool',
  version: '1.2.0',
  build: 'h0_0',
  build_number: 0,
  depends: ['helper >=1'],
  md5: createHash('md5').update(PACKAGE).digest('hex'),
  sha256,
  size: PACKAGE.length,
  subdir: 'linux-64',
};
const helper = { ...record, name: 'helper', version: '2.0', depends: [] };

/** Starts a channel of two packages. */
export function startCondaChannel(layout: CondaLayout): Promise<RecordingServer> {
  const { address, channel, packages = `${channel}/linux-64`, token } = layout;
  return startRecordingServer(address, (request, response) => {
    const path = request.url ?? '';
    const own = `http://${request.headers.host}`;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end();
    } else if (path === `${channel}/linux-64/repodata.json` || path === `${channel}/noarch/repodata.json`) {
      const subdir = path.split('/').at(-2);
      const info = { subdir, ...(layout.packages && { base_url: `${own}${layout.packages}/` }) };
      const files = subdir === 'noarch' ? {} : { [FILE]: record, 'helper-2.0-h0_0.conda': helper };
      const index = { info, packages: {}, 'packages.conda': files, removed: [], repodata_version: 2 };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(index));
    } else if (path === `${packages}/${FILE}` || path === `${packages}/helper-2.0-h0_0.conda`) {
      response.end(PACKAGE);
    } else response.writeHead(404).end();
  });
}
