import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** What came of a transfer. */
export interface Transfer {
  /** Whether curl exited with 0. */
  readonly ok: boolean;
  readonly status: number;
  readonly redirects: number;
  /** The address at the end of all redirects. */
  readonly finalUrl: string;
  /** The fields of the last answer, with lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** What curl wrote. */
  readonly output: string;
}

/** Curl with a folder of its own. */
export interface Curl extends Stoppable {
  readonly folder: string;
  /** Fetches an address, with redirects, into memory. */
  fetch(...args: string[]): Promise<Transfer>;
  /** Runs curl in its folder. */
  run(...args: string[]): Promise<FinishedCommand>;
}

/** Opens curl, without the settings of this machine's user. */
export async function openCurl(): Promise<Curl> {
  const { path: folder, stop } = await createTemporaryFolder();
  let count = 0;
  const runCurl = (...args: string[]): Promise<FinishedCommand> =>
    run('curl', ['--disable', '--no-progress-meter', '--max-time', '120', ...args], {
      cwd: folder,
      timeout: 130_000,
    });
  return {
    folder,
    run: runCurl,
    async fetch(...args) {
      count += 1;
      const bodyFile = join(folder, `body-${count}`);
      const headerFile = join(folder, `headers-${count}`);
      const report = '%{http_code} %{num_redirects} %{url_effective}';
      const files = ['--output', bodyFile, '--dump-header', headerFile, '--write-out', report];
      const { ok, stdout, output } = await runCurl('--location', ...files, ...args);
      const [status, redirects, finalUrl = ''] = stdout.split(' ');
      return {
        ok,
        status: Number(status),
        redirects: Number(redirects),
        finalUrl,
        headers: parseHeaders(await readFile(headerFile, 'utf8').catch(() => '')),
        body: await readFile(bodyFile).catch(() => Buffer.alloc(0)),
        output,
      };
    },
    stop,
  };
}

function parseHeaders(dump: string): Map<string, string> {
  const last = dump.trimEnd().split('\r\n\r\n').at(-1) ?? '';
  const fields = last.split('\r\n').slice(1);
  return new Map(
    fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }),
  );
}
