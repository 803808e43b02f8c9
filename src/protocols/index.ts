import type { Protocol } from '../core/protocol.ts';
import { file } from './file.ts';
import { npm } from './npm.ts';
import { oci } from './oci.ts';

/** Every protocol of this package, as rule files name them. */
export const protocols: readonly Protocol[] = [file, npm, oci];
