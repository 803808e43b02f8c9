import type { RuleSet } from '../core/compile.ts';
import { parseRules } from '../rules/index.ts';
import { readInTime } from '../rules/read-in-time.ts';
import { regexp } from '../rules/regexp.ts';
import { type Conceal, createConceal } from './_conceal.ts';
import { environmentOf, openStore } from './_rules.ts';

/** How long a store may take, in milliseconds. */
const TIMEOUT = 10_000;

/** Rules that were read once. */
export interface ReadRules {
  /** What their source is called. */
  readonly name: string;
  /** What it says. */
  readonly text: string;
  /** The rules. */
  readonly ruleSet: RuleSet;
  /** Hides the values of their variables. */
  readonly conceal: Conceal;
}

/**
 * Reads the rules of a file or a store.
 *
 * @throws Error They cannot be read or used.
 */
export async function readRules(address: string): Promise<ReadRules> {
  const store = await openStore(address);
  try {
    const stored = await readInTime(store, { timeout: TIMEOUT });
    const text = stored?.text ?? '';
    const env = environmentOf(store);
    const { name, commands } = store;
    return {
      name,
      text,
      ruleSet: parseRules(text, { file: name, env, commands, regexp }),
      conceal: createConceal(text, env),
    };
  } finally {
    store.close();
  }
}
