import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runChecked } from '../lab/command.ts';
import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { createNix, type Nix } from '../programs/nix.ts';

/** What the files of a binary cache are, by their path below it. */
export type CacheFiles = ReadonlyMap<string, Buffer>;

/** Store paths that were built, and the key that signs them. */
export interface Built {
  /** The store path of each version of `tool`. */
  readonly tools: Readonly<Record<string, string>>;
  /** What all versions need. */
  readonly words: string;
  /** The key as `trusted-public-keys` has it. */
  readonly publicKey: string;
  /** The files of a cache that has everything, compressed so. */
  pack(compression: string): Promise<CacheFiles>;
  /** The Nix that has built it. */
  readonly nix: Nix;
}

/** Not addressed by their contents, so that a signature is needed. */
const EXPRESSION = `
let
  system = builtins.currentSystem;
  make = name: script: derivation { inherit name system; builder = "/bin/sh"; args = [ "-c" script ]; };
  words = make "words-1.0" "echo words of 1.0 > $out";
in
{ version }: { inherit words; tool = make "tool-\${version}" ''
  /bin/mkdir -p $out/bin
  echo "echo tool \${version}; cat $1\${words}" > $out/bin/tool
''; }
`;

/** Builds a tool in some versions, and signs it with a fresh key. */
export async function buildTools(versions: readonly string[]): Promise<Built> {
  const nix = await createNix();
  const file = join(nix.home, 'tool.nix');
  await writeFile(file, EXPRESSION);
  const build = async (version: string, attribute: string): Promise<string> => {
    const args = ['--no-out-link', '--argstr', 'version', version, '--attr', attribute, file];
    const built = await nix.run('nix-build', args);
    if (!built.ok) throw new Error(`nix-build failed:\n${built.output}`);
    return built.stdout.trim();
  };
  const tools: Record<string, string> = {};
  for (const version of versions) tools[version] = await build(version, 'tool');
  const words = await build(versions[0] ?? '', 'words');
  const [secret, shown] = [join(nix.home, 'secret.key'), join(nix.home, 'public.key')];
  await runChecked('nix-store', ['--generate-binary-cache-key', 'cache.acme.example-1', secret, shown]);

  return {
    tools,
    words,
    publicKey: (await readFile(shown, 'utf8')).trim(),
    nix,
    async pack(compression) {
      const folder = join(nix.home, `packed-${compression}`);
      const to = `file://${folder}?compression=${compression}&secret-key=${secret}&write-nar-listing=true`;
      const copied = await nix.run('nix', ['copy', '--to', to, ...Object.values(tools)]);
      if (!copied.ok) throw new Error(`nix copy failed:\n${copied.output}`);
      const names = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = names
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      return new Map(
        await Promise.all(
          files.map(async (file) => [file.slice(folder.length), await readFile(file)] as const),
        ),
      );
    },
  };
}

/** Where a server has its cache, and where its NARs. */
export interface CacheLayout {
  /** The address that it listens on. */
  readonly address: string;
  /** The path of the cache. */
  readonly base: string;
  /** Whether NARs are named otherwise, have a query, and are said to be at an absolute address. */
  readonly elsewhere?: boolean;
  /** The password of the user `robot` that it wants. */
  readonly password?: string;
}

/** Starts a server of a binary cache. */
export function startNixCache(files: CacheFiles, layout: CacheLayout): Promise<RecordingServer> {
  const { address, base, elsewhere = false, password } = layout;
  const expected = password && `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`;
  return startRecordingServer(address, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://cache.invalid');
    const own = `http://${request.headers.host}`;
    if (expected && request.headers.authorization !== expected) return void response.writeHead(401).end();
    const moved = pathname.startsWith('/pool/') && searchParams.get('part') === '1';
    const path = elsewhere && moved ? `/nar/${pathname.slice('/pool/'.length)}` : pathname.slice(base.length);
    const allowed = elsewhere && path.startsWith('/nar/') ? moved : pathname.startsWith(`${base}/`);
    const file = allowed ? files.get(path) : undefined;
    if (!file) return void response.writeHead(404).end();
    const text = path.endsWith('.narinfo') && elsewhere && file.toString();
    response.end(text ? text.replace(/^URL: nar\/(.*)$/m, `URL: ${own}/pool/$1?part=1`) : file);
  });
}
