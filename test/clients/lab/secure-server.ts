import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { Stoppable } from './cleanup.ts';
import { runChecked } from './command.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

/** A server with a certificate of its own. */
export interface SecureServer extends Stoppable {
  /** Such as `https://127.0.0.1:4711`. */
  readonly origin: string;
  /** The file of the certificate, which clients must be told to trust. */
  readonly certificate: string;
}

/** Starts an https server on loopback. */
export async function startSecureServer(listener: RequestListener): Promise<SecureServer> {
  const folder = await createTemporaryFolder();
  const [key, certificate] = [join(folder.path, 'key.pem'), join(folder.path, 'certificate.pem')];
  const subject = ['-subj', '/CN=lab', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2', '-nodes'];
  const keyKind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  await runChecked('openssl', ['req', '-x509', ...keyKind, ...subject, '-keyout', key, '-out', certificate]);
  const server = createServer({ key: await readFile(key), cert: await readFile(certificate) }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificate,
    async stop() {
      server.close();
      server.closeAllConnections();
      await folder.stop();
    },
  };
}
