import { build } from './build.ts';
import { debian } from './debians.ts';
import { install } from './install.ts';
import { makeDebian } from './lab/debian.ts';

/** Vitest's global setup: the programs that the tests drive, and the program under test. */
export async function setup(): Promise<void> {
  await install();
  await makeDebian(debian);
  await build();
}
