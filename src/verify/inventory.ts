import type { Side } from './ask.ts';
import { Doubt, type Finding, unchecked } from './finding.ts';
import type { Seen } from './seen.ts';

/** The two upstreams. */
export interface Sides {
  /** What clients get today. */
  readonly a: Side;
  /** What they would get. */
  readonly b: Side;
}

/** What is to be verified, and how. */
export interface Task extends Sides {
  /** The names that were given; empty for all that the first upstream lists. */
  readonly names: AsyncIterable<string>;
  /** Whether whole files are compared, however large. */
  readonly deep: boolean;
  /** Whether a digest or a file has been looked at under another name. */
  readonly seen: Seen;
}

/** One thing that both should have. */
export interface Check {
  /** The name, unique in a verification: a journal has it. */
  readonly name: string;
  /** The path below the mount by which clients ask for it, which tells the demand. */
  readonly path?: string | undefined;
  /** Compares. What it throws is a finding that it could not be checked. */
  run(): AsyncIterable<Finding>;
}

/** What there is in one ecosystem, and when it is the same. */
export interface Inventory {
  /** The name: of the protocol, and of the file. */
  readonly name: string;
  /** What a name is: `an image's name, acme/app`. */
  readonly names: string;
  /** Whether there is something to list without any name. */
  readonly lists?: boolean | undefined;
  /** The name that a request's path below the mount belongs to. */
  nameOf?(path: string): string | undefined;
  /** Lists what the first upstream has. */
  list(task: Task): AsyncIterable<Check>;
}

/** A check that says what is known already. */
export function tell(name: string, ...findings: readonly Finding[]): Check {
  return {
    name,
    async *run() {
      yield* findings;
    },
  };
}

/** Lists for each name that was given; a doubt about one of them is a finding. */
export async function* eachName(
  task: Task,
  what: string,
  list: (task: Task, name: string) => AsyncIterable<Check>,
): AsyncGenerator<Check, void, undefined> {
  const passed = new Set<string>();
  for await (const name of task.names) {
    if (passed.has(name)) continue;
    passed.add(name);
    try {
      yield* list(task, name);
    } catch (error) {
      if (!(error instanceof Doubt)) throw error;
      yield tell(`${name} (${what})`, unchecked(name, what, error.message));
    }
  }
}

/** Makes a doubt about one part a finding, so that the others are compared. */
export async function* withDoubts(
  name: string,
  what: string,
  compare: () => AsyncIterable<Finding>,
): AsyncGenerator<Finding, void, undefined> {
  try {
    yield* compare();
  } catch (error) {
    if (!(error instanceof Doubt)) throw error;
    yield unchecked(name, what, error.message);
  }
}
