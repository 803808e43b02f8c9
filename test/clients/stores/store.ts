import type { Stoppable } from '../lab/cleanup.ts';

/** A store of rules that runs on loopback, as others than Turnout use it. */
export interface Store extends Stoppable {
  /** What `turnout serve` is given. */
  readonly address: string;
  /** What `turnout` finds in its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Puts a text there; resolves when the store has acknowledged it. */
  put(text: string): Promise<void>;
  /** What is there. */
  get(): Promise<string>;
  /** Ends the server as a crash does. */
  kill(): Promise<void>;
  /** Starts it again, with what it had. */
  revive(): Promise<void>;
}
