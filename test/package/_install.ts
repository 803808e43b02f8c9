import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** The part of package.json that these tests read. */
export interface Manifest {
  /** The version. */
  readonly version: string;
  /** The packages that come along. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** The public entries. */
  readonly exports: Readonly<Record<string, unknown>>;
}

/** A folder in which the packed package is installed. */
export interface Installation {
  /** The folder. */
  readonly folder: string;
  /** The packed package. */
  readonly tarball: string;
  /** The package as installed. */
  readonly root: string;
}

/** The package's own manifest. */
export const manifest: Manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** Packs what is in dist and installs it, without network, beside its own dependencies and nothing else. */
export function install(): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'turnout-'));
  const root = join(folder, 'node_modules/turnout');
  const tarball = join(folder, `turnout-${manifest.version}.tgz`);
  mkdirSync(root, { recursive: true });
  run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], '.');
  run('tar', ['-xzf', tarball, '-C', root, '--strip-components=1'], folder);
  for (const name of Object.keys(manifest.dependencies)) link(folder, name);
  writeFileSync(join(folder, 'package.json'), '{}');
  return { folder, tarball, root };
}

/** Makes one of this project's own packages available in an installation. */
export function link(folder: string, name: string): void {
  const path = join(folder, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(resolve('node_modules', name), path);
}

/** Runs a program to its end and returns what it prints; throws, with its output, when it fails. */
export function run(program: string, parameters: readonly string[], cwd: string): string {
  try {
    return execFileSync(program, parameters, {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
      stdio: 'pipe',
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${parameters.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}
