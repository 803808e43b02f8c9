import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runChecked } from '../lab/command.ts';
import { type Descriptor, digestOf, types } from './descriptor.ts';

/** An image. */
export interface Image {
  readonly digest: string;
  /** The digests of what a client of this machine's platform has to fetch: configuration and layers. */
  readonly blobs: readonly string[];
}

/** An image in an OCI layout. */
export interface ImageInLayout extends Image {
  /** Where it is: `FOLDER:TAG`. */
  readonly layout: string;
}

/** An OCI layout in which images are made. */
export interface ImageWorkshop {
  /** Makes an image with one layer that no other image has. */
  make(tag: string, options?: ImageOptions): Promise<ImageInLayout>;
  /** Makes an image for two platforms. */
  makeMultiPlatform(tag: string): Promise<ImageInLayout>;
}

/** What an image is made of beside its unique layer. */
export interface ImageOptions {
  /** This machine's by default. */
  readonly architecture?: string;
  /** A program that the image runs. */
  readonly program?: string;
}

interface Index {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly manifests: readonly Descriptor[];
}

interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** This machine's architecture, and another, in the words of Go. */
const architectures =
  process.arch === 'arm64' ? (['arm64', 'amd64'] as const) : (['amd64', 'arm64'] as const);
const REF_NAME = 'org.opencontainers.image.ref.name';

/** Opens a workshop in a folder. */
export async function openImageWorkshop(folder: string): Promise<ImageWorkshop> {
  const layout = join(folder, 'layout');
  const uniqueFile = join(folder, 'unique');
  await umoci('init', '--layout', layout);
  // The tools change one index file, so images are made one after another.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<ImageInLayout>): Promise<ImageInLayout> => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
  return {
    make: (tag, options) => inTurn(() => make(tag, options)),
    makeMultiPlatform: (tag) => inTurn(() => makeMultiPlatform(tag)),
  };

  async function make(tag: string, options: ImageOptions = {}): Promise<ImageInLayout> {
    const { architecture = architectures[0], program } = options;
    const image = `${layout}:${tag}`;
    await umoci('new', '--image', image);
    await writeFile(uniqueFile, randomBytes(20_000).toString('hex'));
    await umoci('insert', '--image', image, uniqueFile, '/unique');
    if (program !== undefined) await umoci('insert', '--image', image, program, '/program');
    await umoci('config', '--image', image, '--architecture', architecture, '--config.cmd', '/program');
    const { digest } = await describe(tag);
    return { layout: image, digest, blobs: await blobsOf(digest) };
  }

  async function makeMultiPlatform(tag: string): Promise<ImageInLayout> {
    const [own, other] = architectures;
    const { blobs } = await make(`${tag}-${own}`);
    await make(`${tag}-${other}`, { architecture: other });
    const manifests = await Promise.all(
      architectures.map(async (architecture) => {
        const { mediaType, digest, size } = await describe(`${tag}-${architecture}`);
        return { mediaType, digest, size, platform: { os: 'linux', architecture } };
      }),
    );
    const body = JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests });
    const digest = digestOf(body);
    await writeFile(blobFile(digest), body);

    const index = await readIndex();
    const size = Buffer.byteLength(body);
    const descriptor = { mediaType: types.index, digest, size, annotations: { [REF_NAME]: tag } };
    const changed: Index = { ...index, manifests: [...index.manifests, descriptor] };
    await writeFile(join(layout, 'index.json'), JSON.stringify(changed));
    return { layout: `${layout}:${tag}`, digest, blobs };
  }

  async function blobsOf(digest: string): Promise<string[]> {
    const { config, layers } = JSON.parse(await readFile(blobFile(digest), 'utf8')) as Manifest;
    return [config, ...layers].map((blob) => blob.digest);
  }

  async function describe(tag: string): Promise<Descriptor> {
    const { manifests } = await readIndex();
    const found = manifests.find(({ annotations }) => annotations?.[REF_NAME] === tag);
    if (!found) throw new Error(`no image ${tag}`);
    return found;
  }

  async function readIndex(): Promise<Index> {
    return JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as Index;
  }

  function blobFile(digest: string): string {
    return join(layout, 'blobs', digest.replace(':', '/'));
  }
}

function umoci(...args: string[]): Promise<string> {
  return runChecked('umoci', args);
}
