import { randomUUID } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type Cleanup, createCleanup, type Stoppable } from '../lab/cleanup.ts';
import { runChecked } from '../lab/command.ts';
import type { RecordedRequest, RecordingServer } from '../lab/recording-server.ts';
import type { BlobStore } from './blob-store.ts';
import { bearerToken, type Credentials, isBasic } from './credentials.ts';
import { type RegistryAuth, startDockerRegistry } from './docker-registry.ts';
import type { ImageStore } from './image-store.ts';
import { type BlobDelivery, type Guard, startRegistryFront, strictGuard } from './registry-front.ts';
import { createSigningKey } from './signing-key.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

/** The kinds of registries that the lab has. */
export const registryKinds = ['anonymous', 'lenient', 'strict', 'basic', 'private'] as const;

/**
 * What a registry asks for: nothing; a token that anybody gets, whatever else was asked for (`lenient`); a token for
 * exactly one known scope (`strict`); a user (`basic`); a token that only a user gets (`private`).
 */
export type RegistryKind = (typeof registryKinds)[number];

/** What a registry is made from. */
export interface RegistryOptions {
  /** What it serves. */
  readonly store: ImageStore;
  readonly blobStore: BlobStore;
  /** @default 'stream' */
  readonly delivery?: BlobDelivery;
  /** Whom a `private` one serves; somebody new by default. */
  readonly credentials?: Credentials;
  /** Seconds that its tokens are good for. @default 300 */
  readonly tokenLifetime?: number;
  /** Where its token server listens. @default '127.0.0.4' */
  readonly tokenAddress?: string;
  /** How many tags a page of a list has at most; all of them when left out. */
  readonly tagsPerPage?: number;
  /** How many referrers a page of a list has at most; all of them when left out. */
  readonly referrersPerPage?: number;
}

/** A registry with all that belongs to it. */
export interface Registry extends Stoppable {
  readonly kind: RegistryKind;
  readonly origin: string;
  /** Such as `127.0.0.2:4711`. */
  readonly authority: string;
  /** The user that it asks for, when it asks for one. */
  readonly credentials: Credentials | undefined;
  /** Its public face. */
  readonly front: RecordingServer;
  readonly tokens: TokenServer | undefined;
  /** The requests, here and at the token server, that carried a credential that was not issued for the place. */
  foreignCredentials(): RecordedRequest[];
  /** Starts a new page in both logs. */
  forget(): void;
}

/** What differs between the kinds. */
interface Manner {
  readonly auth: RegistryAuth;
  readonly guard?: Guard;
  readonly tokens?: TokenServer;
  readonly credentials?: Credentials;
}

/** Starts a registry. */
export async function startRegistry(kind: RegistryKind, options: RegistryOptions): Promise<Registry> {
  const { store, blobStore, delivery = 'stream', tagsPerPage, referrersPerPage } = options;
  const cleanup = createCleanup();
  const { auth, guard, tokens, credentials } = await manners[kind](options, cleanup);
  const { authority: backend } = await cleanup.use(startDockerRegistry(store.folder, auth));
  const { folder } = store;
  const front = await cleanup.use(
    startRegistryFront({
      backend,
      folder,
      blobStore,
      delivery,
      ...(guard && { guard }),
      ...(tagsPerPage !== undefined && { tagsPerPage }),
      findReferrers: store.referrers,
      ...(referrersPerPage !== undefined && { referrersPerPage }),
    }),
  );

  return {
    kind,
    origin: front.origin,
    authority: new URL(front.origin).host,
    credentials,
    front,
    tokens,
    foreignCredentials() {
      const atFront = front.requests.filter(({ headers: { authorization } }) => {
        if (authorization === undefined) return false;
        if (tokens) return !tokens.issued.has(bearerToken(authorization) ?? '');
        return !(credentials && isBasic(authorization, credentials));
      });
      const atTokens = (tokens?.requests ?? []).filter(({ headers: { authorization } }) => {
        return authorization !== undefined && !(credentials && isBasic(authorization, credentials));
      });
      return [...atFront, ...atTokens];
    },
    forget() {
      front.forget();
      tokens?.forget();
    },
    stop: () => cleanup.run(),
  };
}

const manners: Record<RegistryKind, (options: RegistryOptions, cleanup: Cleanup) => Promise<Manner>> = {
  async anonymous() {
    return { auth: { type: 'none' } };
  },
  lenient: (options, cleanup) => withTokens(options, cleanup, {}),
  async strict(options, cleanup) {
    const { tokens } = await withTokens(options, cleanup, { strict: true });
    return { auth: { type: 'none' }, tokens, guard: strictGuard(tokens, 'lab') };
  },
  async basic({ store }) {
    const credentials = newCredentials();
    const { username, password } = credentials;
    const htpasswdFile = join(await mkdtemp(`${store.folder}-`), 'htpasswd');
    await writeFile(htpasswdFile, await runChecked('htpasswd', ['-Bbn', '-C', '4', username, password]));
    return { auth: { type: 'basic', htpasswdFile }, credentials };
  },
  private: (options, cleanup) =>
    withTokens(options, cleanup, { credentials: options.credentials ?? newCredentials() }),
};

async function withTokens(
  { store, tokenLifetime = 300, tokenAddress = '127.0.0.4' }: RegistryOptions,
  cleanup: Cleanup,
  manner: { readonly strict?: boolean; readonly credentials?: Credentials },
): Promise<Manner & { readonly tokens: TokenServer }> {
  const service = 'lab';
  const key = await createSigningKey(await mkdtemp(`${store.folder}-`));
  const tokens = await cleanup.use(
    startTokenServer({
      service,
      key,
      knows: store.has,
      lifetime: tokenLifetime,
      address: tokenAddress,
      ...manner,
    }),
  );
  const { realm, issuer } = tokens;
  const { certificateFile } = key;
  return { auth: { type: 'token', realm, service, issuer, certificateFile }, tokens, ...manner };
}

function newCredentials(): Credentials {
  return { username: 'lab', password: randomUUID() };
}
