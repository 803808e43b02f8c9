import { readFile } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { rootCertificates } from 'node:tls';

import { run } from '../lab/command.ts';

/** The registry that this machine's npm is set to. Its name is nobody else's business: it is never printed. */
export interface NpmUpstream {
  readonly url: string;
  /** Its host, as a text to hide. */
  readonly host: string;
  /** The file of certificates that npm is set to. */
  readonly certificateFile: string | undefined;
  /** Fetches an address of it, with redirects. */
  download(address: string): Promise<Buffer>;
}

/** Reads npm's settings. */
export async function readNpmUpstream(): Promise<NpmUpstream> {
  const url = await setting('registry');
  const certificateFile = await setting('cafile').then((file) => (file === 'null' ? undefined : file));
  const ca = certificateFile ? [...rootCertificates, await readFile(certificateFile, 'utf8')] : undefined;
  return { url, host: new URL(url).host, certificateFile, download: (address) => download(address, 5) };

  async function download(address: string, hops: number): Promise<Buffer> {
    const answer = await ask(address);
    const { statusCode = 0, headers } = answer;
    if (statusCode === 200) return buffer(answer);
    answer.resume();
    const redirected = statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
    if (redirected && hops > 0) return download(new URL(headers.location ?? '', address).href, hops - 1);
    throw new Error(`The registry answered ${statusCode} for ${new URL(address).pathname}`);
  }

  function ask(address: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const secure = address.startsWith('https:');
      const request = secure ? httpsGet(address, { ca }, resolve) : httpGet(address, resolve);
      request.on('error', () => reject(new Error(`No answer for ${new URL(address).pathname}`)));
    });
  }
}

async function setting(name: string): Promise<string> {
  const { ok, stdout } = await run('npm', ['config', 'get', name]);
  if (!ok) throw new Error(`npm config get ${name} failed`);
  return stdout.trim();
}
