import type { Stoppable } from '../lab/cleanup.ts';

/** What came of a pull. */
export interface Pull {
  readonly ok: boolean;
  /** What the program wrote. */
  readonly output: string;
  /** The digest that it ended up with. */
  readonly digest: string | undefined;
}

/** A program that pulls images, with a storage of its own. */
export interface OciClient extends Stoppable {
  readonly name: string;
  /** Pulls an image such as `127.0.0.1:5000/acme/app:v1` that isn't there yet. */
  pull(reference: string): Promise<Pull>;
  /** Removes an image with its layers, so that the next pull is a whole one. */
  remove(reference: string): Promise<void>;
}

/** The first digest in a text. */
export function findDigest(text: string): string | undefined {
  return /sha256:[0-9a-f]{64}/.exec(text)?.[0];
}
