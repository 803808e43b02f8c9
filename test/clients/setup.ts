import { build } from './build.ts';
import { install } from './install.ts';

/** Vitest's global setup: the programs that the tests drive, and the program under test. */
export async function setup(): Promise<void> {
  await install();
  await build();
}
