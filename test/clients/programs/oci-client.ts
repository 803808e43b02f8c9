import type { Stoppable } from '../lab/cleanup.ts';

/** What came of a pull. */
export interface Pull {
  readonly ok: boolean;
  /** What the program wrote. */
  readonly output: string;
  /** The digests that it knows the image by: of the index, of the manifest, or of both. */
  readonly digests: readonly string[];
}

/** A program that pulls images, with a storage of its own. */
export interface OciClient extends Stoppable {
  readonly name: string;
  /** Pulls an image such as `127.0.0.1:5000/acme/app:v1` that isn't there yet. */
  pull(reference: string): Promise<Pull>;
  /** Removes an image with its layers, so that the next pull is a whole one. */
  remove(reference: string): Promise<void>;
}

/** The digests in a text. */
export function findDigests(text: string): string[] {
  return text.match(/sha256:[0-9a-f]{64}/g) ?? [];
}
