import type { Protocol } from '../core/protocol.ts';
import { apk } from './apk.ts';
import { apt } from './apt.ts';
import { cargo } from './cargo.ts';
import { composer } from './composer.ts';
import { conda } from './conda.ts';
import { downloads } from './downloads.ts';
import { file } from './file.ts';
import { forge } from './forge.ts';
import { go } from './go.ts';
import { helm } from './helm.ts';
import { homebrew } from './homebrew.ts';
import { huggingface } from './huggingface.ts';
import { installs } from './installs.ts';
import { jsr } from './jsr.ts';
import { link } from './link.ts';
import { maven } from './maven.ts';
import { nix } from './nix.ts';
import { npm } from './npm.ts';
import { nuget } from './nuget.ts';
import { oci } from './oci.ts';
import { pacman } from './pacman.ts';
import { pixel } from './pixel.ts';
import { pyindex } from './pyindex.ts';
import { pypi } from './pypi.ts';
import { rpm } from './rpm.ts';
import { rubygems } from './rubygems.ts';
import { telemetry } from './telemetry.ts';
import { terraform } from './terraform.ts';
import { vanity } from './vanity.ts';

/** Every protocol of this package, as rule files name them. */
export const protocols: readonly Protocol[] = [
  apk,
  apt,
  cargo,
  composer,
  conda,
  downloads,
  file,
  forge,
  go,
  helm,
  homebrew,
  huggingface,
  installs,
  jsr,
  link,
  maven,
  nix,
  npm,
  nuget,
  oci,
  pacman,
  pixel,
  pyindex,
  pypi,
  rpm,
  rubygems,
  telemetry,
  terraform,
  vanity,
];
