import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import type { Stoppable } from '../lab/cleanup.ts';
import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import { type Credentials, isBasic } from './credentials.ts';

/** The repository of a tap, as its maintainers have it. */
export interface Tap extends Stoppable {
  /** Commits a formula with a version. */
  commit(version: string): Promise<void>;
  /** Makes a copy as it is now, which a host can serve; gives the folder that it is in, as `tap.git`. */
  publish(): Promise<string>;
}

const identity = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Lab',
  GIT_AUTHOR_EMAIL: 'lab@acme.example',
  GIT_COMMITTER_NAME: 'Lab',
  GIT_COMMITTER_EMAIL: 'lab@acme.example',
};

/** Creates a tap of one formula. */
export async function createTap(): Promise<Tap> {
  const folder = await createTemporaryFolder();
  const work = join(folder.path, 'work');
  const git = (cwd: string, ...args: string[]): Promise<string> =>
    runChecked('git', args, { cwd, env: { ...process.env, ...identity } });
  let published = 0;
  await mkdir(join(work, 'Formula'), { recursive: true });
  await git(work, 'init', '--quiet', '--initial-branch', 'main');
  return {
    async commit(version) {
      await writeFile(
        join(work, 'Formula/acme-cli.rb'),
        `class AcmeCli < Formula\n  version "${version}"\nend\n`,
      );
      await git(work, 'add', '.');
      await git(work, 'commit', '--quiet', '--message', version);
    },
    async publish() {
      published += 1;
      const place = join(folder.path, `${published}`);
      await git(folder.path, 'clone', '--quiet', '--bare', 'work', join(place, 'tap.git'));
      // For clients that speak the plain protocol.
      await git(join(place, 'tap.git'), 'update-server-info');
      return place;
    },
    stop: folder.stop,
  };
}

/** Starts a host that serves what is in a folder below a path, over git's smart protocol. */
export function startTapHost(
  address: string,
  base: string,
  folder: string,
  credentials?: Credentials,
): Promise<RecordingServer> {
  return startRecordingServer(address, async (request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    if (credentials && !isBasic(request.headers.authorization, credentials))
      response.writeHead(401, { 'www-authenticate': 'Basic realm="lab"' }).end();
    else if (!path.startsWith(`${base}/`)) response.writeHead(404).end();
    else await serve(request, response, { folder, path: path.slice(base.length), query });
  });
}

/** git-http-backend(1), a program of the Common Gateway Interface. */
async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { folder, path, query }: { folder: string; path: string; query: string },
): Promise<void> {
  const {
    'content-type': type = '',
    'content-encoding': encoding = '',
    'git-protocol': version,
  } = request.headers;
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      ...process.env,
      ...identity,
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: type,
      HTTP_CONTENT_ENCODING: encoding,
      ...(typeof version === 'string' && { GIT_PROTOCOL: version }),
    },
  });
  request.pipe(child.stdin);
  // What it says of one small repository is short, and its bytes are Latin-1 here.
  child.stdout.setEncoding('latin1');
  const output = await text(child.stdout);
  const end = output.indexOf('\r\n\r\n');
  const lines = output.slice(0, end).split('\r\n');
  const fields = lines.map(
    (line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const,
  );
  const status = fields.find(([name]) => name === 'Status')?.[1] ?? '200';
  response.writeHead(
    Number.parseInt(status, 10),
    Object.fromEntries(fields.filter(([name]) => name !== 'Status')),
  );
  response.end(Buffer.from(output.slice(end + 4), 'latin1'));
}
