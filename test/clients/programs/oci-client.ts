import type { Stoppable } from '../lab/cleanup.ts';
import type { FinishedCommand } from '../lab/command.ts';
import type { Machine } from '../lab/machine.ts';
import type { Credentials } from '../upstreams/credentials.ts';

/** What came of a pull. */
export interface Pull {
  readonly ok: boolean;
  /** What the program wrote. */
  readonly output: string;
  /** The digests that it knows the image by: of the index, of the manifest, or of both. */
  readonly digests: readonly string[];
}

/** Who somebody is at a registry. */
export interface RegistryUser extends Credentials {
  /** Such as `127.0.0.1:5000`. */
  readonly authority: string;
}

/** A program that pulls images, with a storage of its own. */
export interface OciClient extends Stoppable {
  readonly name: string;
  /** Pulls an image such as `127.0.0.1:5000/acme/app:v1` that isn't there yet, as a user when there is one. */
  pull(reference: string, user?: RegistryUser): Promise<Pull>;
  /** Logs a user in, once; a program without such a command has none. */
  login?(user: RegistryUser): Promise<FinishedCommand>;
  /** Removes an image with its layers, so that the next pull is a whole one. */
  remove(reference: string): Promise<void>;
}

/** How a client is opened. */
export interface OciClientOptions {
  /** The program's own name by default. */
  readonly name?: string;
  /** Where it runs. @default thisMachine */
  readonly machine?: Machine;
}

/** The arguments of a login, which most programs share. */
export function loginArguments({ authority, username, password }: RegistryUser): readonly string[] {
  return ['login', '--username', username, '--password', password, authority];
}

/** The digests in a text. */
export function findDigests(text: string): string[] {
  return text.match(/sha256:[0-9a-f]{64}/g) ?? [];
}
