import { run } from './command.ts';
import { startProcess } from './process.ts';

/** Where programs run: this machine, or a Debian of another release on it. */
export interface Machine {
  /** Runs a command to its end. */
  readonly run: typeof run;
  /** Starts a process. */
  readonly start: typeof startProcess;
}

/** This machine. */
export const thisMachine: Machine = { run, start: startProcess };
