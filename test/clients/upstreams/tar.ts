/** A file of an archive. */
export interface TarFile {
  readonly name: string;
  readonly body: Buffer;
  /** @default 0o644 */
  readonly mode?: number;
}

const BLOCK = 512;

/** Writes an archive of files (POSIX.1-1988, `ustar`). */
export function writeTar(files: readonly TarFile[]): Buffer {
  const entries = files.flatMap((file) => [header(file), file.body, Buffer.alloc(padding(file.body.length))]);
  return Buffer.concat([...entries, Buffer.alloc(2 * BLOCK)]);
}

function padding(length: number): number {
  return (BLOCK - (length % BLOCK)) % BLOCK;
}

function header({ name, body, mode = 0o644 }: TarFile): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number): string => value.toString(8).padStart(width - 1, '0');
  block.write(name, 0, 100);
  block.write(octal(mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(body.length, 12), 124);
  block.write(octal(0, 12), 136);
  // The checksum counts its own field as spaces.
  block.write(' '.repeat(8), 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      7,
    )}\u0000 `,
    148,
  );
  return block;
}
