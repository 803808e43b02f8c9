import { basename, dirname, join } from 'node:path';
import { fileRules, type LiveRules, type LoadOptions, loadRules, type RuleStore } from '../rules/index.ts';

/** What is said of a rule file wherever one is asked for. */
export const RULES_HELP = 'the rule file, or the address of a store: https://, redis://, postgres://, s3://';

/**
 * Opens the rules of a store.
 *
 * @throws Error They cannot be used.
 */
export function openRules(store: RuleStore, options: LoadOptions = {}): Promise<LiveRules> {
  return loadRules(store, { env: environmentOf(store), ...options });
}

/**
 * Makes the store of a file or an address. What each needs is loaded here, and nothing for the others.
 *
 * @throws Error There is no such kind of store.
 */
export async function openStore(address: string): Promise<RuleStore> {
  const [, scheme = ''] = /^([a-z][a-z\d+.-]*):\/\//i.exec(address) ?? [];
  if (scheme === '') return fileRules(address);
  const { TURNOUT_RULES_TOKEN: token } = process.env;
  const { TURNOUT_RULES_USERNAME: username, TURNOUT_RULES_PASSWORD: password } = process.env;
  switch (scheme.toLowerCase().replace(/-(?:cluster|sentinel)$/, '')) {
    case 'http':
    case 'https':
      return (await import('../rules/sources/http.ts')).httpRules(address, { token, username, password });
    case 'redis':
    case 'rediss':
      return (await import('../rules/sources/redis.ts')).redisRules(address, { username, password });
    case 'postgres':
    case 'postgresql':
      return (await import('../rules/sources/postgres.ts')).postgresRules(address);
    case 's3':
      return (await import('../rules/sources/s3.ts')).s3Rules(address);
  }
  throw new Error(
    `There are no rules at ${scheme}: addresses; write a file, or an address of https, redis, postgres or s3.`,
  );
}

/** What opens stores and clouds to this process: rules of a store that others write to have no use for it. */
const OWN = /^(?:TURNOUT_|AWS_|PG)/;

/** The variables that the rules of a store may have the values of. */
export function environmentOf({ commands }: RuleStore): NodeJS.ProcessEnv {
  if (commands) return process.env;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN.test(name)));
}

/** Where the history is when nobody says so: beside the copy, or beside the file; nowhere for an address without a copy. */
export function historyOf(
  address: string,
  { cache, history }: { cache?: string; history?: string },
): string | undefined {
  if (history === 'off') return undefined;
  if (history !== undefined) return history;
  const beside = cache ?? (/^[a-z][a-z\d+.-]*:\/\//i.test(address) ? undefined : address);
  return beside === undefined ? undefined : join(dirname(beside), '.turnout', 'history', basename(beside));
}
