import { type History, openHistory } from '../rules/index.ts';
import { historyOf } from './_rules.ts';

/** Where the history of rules is, as options say it. */
export interface PastOptions {
  readonly cache?: string;
  readonly history?: string;
}

/**
 * Opens the history of the rules of a file or an address.
 *
 * @throws Error It is not said where it is.
 */
export function openPast(address: string, options: PastOptions): History & { readonly folder: string } {
  const folder = historyOf(address, options);
  if (folder === undefined) {
    throw new Error(
      'There is no history of an address without a copy; say which `--cache` or `--history` the gateway has.',
    );
  }
  return { ...openHistory(folder), folder };
}
