import { createPrivateKey, createSign, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runChecked } from '../lab/command.ts';

/** A key that signs tokens, and the certificate that a registry trusts it by. */
export interface SigningKey {
  readonly certificateFile: string;
  /** Signs claims as a JSON Web Token (RFC 7519, RS256, `x5c`). */
  sign(claims: Readonly<Record<string, unknown>>): string;
}

/** Creates a key with a self-signed certificate in a folder. */
export async function createSigningKey(folder: string): Promise<SigningKey> {
  const keyFile = join(folder, 'token.key');
  const certificateFile = join(folder, 'token.crt');
  const certify = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab -keyout ${keyFile} -out ${certificateFile}`;
  await runChecked('openssl', certify.split(' '));

  const key = createPrivateKey(await readFile(keyFile));
  const { raw } = new X509Certificate(await readFile(certificateFile));
  const header = encode({ typ: 'JWT', alg: 'RS256', x5c: [raw.toString('base64')] });
  return {
    certificateFile,
    sign(claims) {
      const content = `${header}.${encode(claims)}`;
      return `${content}.${createSign('RSA-SHA256').update(content).sign(key, 'base64url')}`;
    },
  };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
