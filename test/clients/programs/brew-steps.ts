import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** The requests of brew, with the real curl; each rejects where brew would give up. */
export interface BrewSteps extends Stoppable {
  /** Fetches a bottle or a source from an address, and checks it. */
  fetch(url: string, sha256: string): Promise<Buffer>;
  /** Fetches the manifest of a bottle from a registry, by the name of its version. */
  manifest(url: string): Promise<string>;
  /** Fetches a bottle from a registry, and checks it. */
  blob(url: string, sha256: string): Promise<Buffer>;
  /** Fetches a document of the API, if it has changed; tells its status. */
  document(url: string, condition?: 'etag' | 'time'): Promise<{ status: number; text: string }>;
}

/** What every request of brew has (Homebrew, Library/Homebrew/utils/curl.rb, `curl_args`). */
const COMMON = [
  ...['--disable', '--cookie', '/dev/null', '--globoff', '--show-error', '--fail', '--silent'],
  ...['--user-agent', 'Homebrew/4.6.0 (Linux; x86_64 Debian GNU/Linux 12) curl/7.88.1'],
  ...['--header', 'Accept-Language: en', '--max-time', '60'],
];

/** Creates a cache for downloads. */
export async function createBrewSteps(): Promise<BrewSteps> {
  const folder = await createTemporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const curl = (...args: string[]): Promise<FinishedCommand> =>
    run('curl', [...COMMON, ...args], { cwd: folder.path });

  /** Homebrew, `curl_headers`: HEAD, and GET of the header when that did not say what it was asked for. */
  async function resolve(url: string): Promise<string> {
    for (const again of [[], ['--request', 'GET']]) {
      const { stdout } = await curl('--location', '--head', ...again, url);
      const answers = stdout.split('\r\n\r\n').filter((answer) => answer.startsWith('HTTP/'));
      const refused = /^HTTP\/\S+ 4/.test(answers.at(-1) ?? '');
      const named = answers.some((answer) => /^content-disposition:/im.test(answer));
      if (again.length === 0 && (refused || !named)) continue;
      return answers.reduce((from, answer) => {
        const location = /^location: *(.*?)\r?$/im.exec(answer)?.[1];
        return location === undefined ? from : new URL(location, from).href;
      }, url);
    }
    return url;
  }

  async function download(url: string, ...args: string[]): Promise<Buffer> {
    const finished = await curl('--location', '--remote-time', '--output', 'download', ...args, url);
    if (!finished.ok) throw new Error(finished.output);
    return readFile(at('download'));
  }

  function check(bytes: Buffer, sha256: string): Buffer {
    const actual = createHash('sha256').update(bytes).digest('hex');
    if (actual !== sha256) throw new Error(`SHA-256 mismatch\nExpected: ${sha256}\n  Actual: ${actual}`);
    return bytes;
  }

  return {
    fetch: async (url, sha256) => check(await download(await resolve(url)), sha256),
    // A bottle of a registry is fetched without a HEAD (`CurlGitHubPackagesDownloadStrategy`).
    manifest: async (url) =>
      (await download(url, '--header', 'Accept: application/vnd.oci.image.index.v1+json')).toString(),
    blob: async (url, sha256) => check(await download(url), sha256),
    async document(url, condition) {
      const conditions = { etag: ['--etag-compare', 'etag'], time: ['--time-cond', 'document'] };
      const asking = [...(condition ? conditions[condition] : []), '--etag-save', 'etag.new', '--compressed'];
      const shown = ['--location', '--remote-time', '--output', 'document', '--write-out', '%{http_code}'];
      const finished = await curl(...asking, ...shown, url);
      if (!finished.ok) throw new Error(finished.output);
      if (condition === undefined) await run('mv', ['etag.new', 'etag'], { cwd: folder.path });
      return { status: Number(finished.stdout), text: await readFile(at('document'), 'utf8') };
    },
    stop: folder.stop,
  };
}
