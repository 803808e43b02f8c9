import { apt } from './apt.ts';
import { file } from './file.ts';
import { helm } from './helm.ts';
import type { Inventory } from './inventory.ts';
import { maven } from './maven.ts';
import { nix } from './nix.ts';
import { npm } from './npm.ts';
import { oci } from './oci.ts';
import { pypi } from './pypi.ts';
import { rpm } from './rpm.ts';

/** Every inventory of this package. */
export const inventories: readonly Inventory[] = [apt, file, helm, maven, nix, npm, oci, pypi, rpm];

/** The inventory of a protocol; of one without its own, that of files, whose names are paths. */
export function findInventory(protocol: string): Inventory {
  return inventories.find(({ name }) => name === protocol) ?? file;
}
