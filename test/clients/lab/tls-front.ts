import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { Stoppable } from './cleanup.ts';
import { runChecked } from './command.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

/** A certificate of our own for loopback, which is the authority that signed it, too. */
export interface Certificate extends Stoppable {
  /** The file that clients are to trust. */
  readonly file: string;
  readonly certificate: string;
  readonly key: string;
}

/** Makes a certificate for `localhost` and 127.0.0.1 to 127.0.0.4. */
export async function createCertificate(): Promise<Certificate> {
  const folder = await createTemporaryFolder();
  const [file, keyFile] = [join(folder.path, 'certificate.pem'), join(folder.path, 'key.pem')];
  const names = ['DNS:localhost', ...[1, 2, 3, 4].map((last) => `IP:127.0.0.${last}`)].join(',');
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const content = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${names}`];
  await runChecked('openssl', ['req', ...kind, ...content, '-out', file, '-keyout', keyFile]);
  const [certificate, key] = await Promise.all([readFile(file, 'utf8'), readFile(keyFile, 'utf8')]);
  return { file, certificate, key, stop: folder.stop };
}

/** What ends TLS in front of a server. */
export interface TlsFront extends Stoppable {
  /** Such as `https://127.0.0.1:4711`. */
  readonly origin: string;
}

/** Puts TLS in front of a server, as a reverse proxy does that says so in `X-Forwarded-Proto`; on any port by default. */
export async function startTlsFront(
  to: string,
  { certificate, key }: Certificate,
  address = '127.0.0.1',
  at = 0,
): Promise<TlsFront> {
  const { hostname, port } = new URL(to);
  const server = createServer({ cert: certificate, key }, (received, response) => {
    const { method, url: path } = received;
    const headers = { ...received.headers, 'x-forwarded-proto': 'https' };
    const sent = request({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    sent.once('error', () => response.destroy());
    received.pipe(sent);
  });
  server.listen(at, address);
  await once(server, 'listening');
  return {
    origin: `https://${address}:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
