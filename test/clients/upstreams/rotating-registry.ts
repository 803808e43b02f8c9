import { randomUUID } from 'node:crypto';
import { mkdtemp, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createCleanup, type Stoppable } from '../lab/cleanup.ts';
import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import type { BlobStore } from './blob-store.ts';
import { startDockerRegistry } from './docker-registry.ts';
import type { ImageStore } from './image-store.ts';
import { startRegistryFront } from './registry-front.ts';

/** What a registry in the manner of Amazon ECR is made from. */
export interface RotatingRegistryOptions {
  readonly store: ImageStore;
  readonly blobStore: BlobStore;
  /** Seconds that a password is good for. */
  readonly lifetime: number;
}

/**
 * A registry in the manner of Amazon ECR: an API gives out passwords for it, each another, which expire soon. Harder than
 * ECR, it forgets a password as soon as there is another.
 */
export interface RotatingRegistry extends Stoppable {
  /** Such as `http://127.0.0.2:4711`. */
  readonly origin: string;
  /** Its public face. */
  readonly front: RecordingServer;
  /** The API. */
  readonly api: RecordingServer;
  /** Every password that was given out, and each with its user in base64. */
  secrets(): readonly string[];
  /** How many passwords were given out. */
  issued(): number;
  /** Makes the API refuse, or serve again. */
  refuse(message: string | undefined): void;
}

/** The user that ECR's passwords have. */
const USER = 'AWS';
const TARGET = 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken';
/** How long a request may be under way whose password was good when it left, in milliseconds. */
const GRACE = 1000;

/** Starts one: a real registry that reads its password file anew whenever it has changed. */
export async function startRotatingRegistry(options: RotatingRegistryOptions): Promise<RotatingRegistry> {
  const { store, blobStore, lifetime } = options;
  const cleanup = createCleanup();
  const file = join(await mkdtemp(`${store.folder}-`), 'htpasswd');
  const secrets: string[] = [];
  let refusal: string | undefined;
  let expiry: NodeJS.Timeout | undefined;
  let written = Promise.resolve();

  /** Writes the password file, whole and one time after the other. */
  function write(lines: string): Promise<void> {
    written = written.then(async () => {
      await writeFile(`${file}~`, lines);
      await rename(`${file}~`, file);
    });
    return written;
  }

  async function issue(): Promise<string> {
    const password = randomUUID();
    const token = Buffer.from(`${USER}:${password}`).toString('base64');
    secrets.push(password, token);
    await write(await runChecked('htpasswd', ['-Bbn', '-C', '4', USER, password]));
    clearTimeout(expiry);
    expiry = setTimeout(() => void write(''), lifetime * 1000 + GRACE);
    return token;
  }

  await write('');
  const { authority: backend } = await cleanup.use(
    startDockerRegistry(store.folder, { type: 'basic', htpasswdFile: file }),
  );
  const front = await cleanup.use(
    startRegistryFront({
      backend,
      folder: store.folder,
      blobStore,
      delivery: 'absolute',
      findReferrers: store.referrers,
    }),
  );
  const api = await cleanup.use(
    startRecordingServer('127.0.0.4', async (request, response) => {
      const send = (status: number, body: object) =>
        response
          .writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
          .end(JSON.stringify(body));
      request.resume();
      if (request.headers['x-amz-target'] !== TARGET) return void send(404, {});
      if (refusal !== undefined) return void send(400, { __type: 'AccessDeniedException', message: refusal });
      const expiresAt = Date.now() / 1000 + lifetime;
      send(200, { authorizationData: [{ authorizationToken: await issue(), expiresAt }] });
    }),
  );

  return {
    origin: front.origin,
    front,
    api,
    secrets: () => secrets,
    issued: () => secrets.length / 2,
    refuse: (message) => {
      refusal = message;
    },
    async stop() {
      clearTimeout(expiry);
      await cleanup.run();
      await written;
    },
  };
}
