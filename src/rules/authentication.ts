import { LRUCache } from 'lru-cache';
import type { Authentication, CredentialProvider } from '../core/credential.ts';
import type { RuleConfig, UpstreamConfig } from '../core/rule.ts';
import { commandCredential, ecrCredential } from '../gateway/credentials/index.ts';
import type { Mistake } from './mistake.ts';
import {
  type AuthenticationEntry,
  type CommandEntry,
  type EcrEntry,
  isMapping,
  type Path,
  type RuleEntry,
  type UpstreamEntry,
} from './rule-file.ts';

/**
 * The providers of rule files by what they were made from. A reload makes the same rules anew; with the same provider,
 * what was fetched for them goes on to be used.
 */
const providers = new LRUCache<string, CredentialProvider>({ max: 1000 });

/** Makes what the credentials of an entry are fetched with. */
export function toCredentials({ to, auth }: Pick<RuleEntry, 'to' | 'auth'>): Pick<RuleConfig, 'to' | 'auth'> {
  return { to: toUpstreams(to), auth: toAuthentication(auth) };
}

/** Finds the programs that rules would run, where none may be; of what stands there, nothing is told. */
export function refuseCommands(rules: readonly unknown[]): readonly Mistake[] {
  return rules.flatMap((rule, order) => {
    if (!isMapping(rule)) return [];
    const { to } = rule;
    const upstreams = Array.isArray(to)
      ? to.flatMap((upstream, index) => findCommand(upstream, ['rules', order, 'to', index]))
      : findCommand(to, ['rules', order, 'to']);
    return [...findCommand(rule, ['rules', order]), ...upstreams].map(explainCommand);
  });
}

function findCommand(holder: unknown, path: Path): readonly Path[] {
  const auth = isMapping(holder) ? holder.auth : undefined;
  return isMapping(auth) && 'command' in auth ? [[...path, 'auth', 'command']] : [];
}

function explainCommand(path: Path): Mistake {
  const message =
    'These rules may not run programs, since it is not known who wrote them; have them in a file of this machine that `loadRules` reads, or allow it with `commands: true`.';
  return { code: 'command_not_allowed', path, message, atKey: true };
}

function toUpstreams(to: RuleEntry['to']): RuleConfig['to'] {
  if (typeof to === 'string' || to === undefined) return to;
  return isList(to)
    ? to.map((upstream) => (typeof upstream === 'string' ? upstream : toUpstream(upstream)))
    : toUpstream(to);
}

function isList<T>(value: unknown | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

function toUpstream({ auth, ...config }: UpstreamEntry): UpstreamConfig {
  return { ...config, auth: toAuthentication(auth) };
}

function toAuthentication(entry: AuthenticationEntry | undefined): Authentication | undefined {
  if (entry === undefined || entry === 'client') return entry;
  if (entry === 'ecr') return provide({ ecr: {} });
  return 'ecr' in entry || 'command' in entry ? provide(entry) : entry;
}

function provide(entry: EcrEntry | CommandEntry): CredentialProvider {
  const key = JSON.stringify(entry);
  const provider = providers.get(key) ?? createProvider(entry);
  providers.set(key, provider);
  return provider;
}

function createProvider(entry: EcrEntry | CommandEntry): CredentialProvider {
  if ('ecr' in entry) return ecrCredential(entry.ecr);
  const { command, username, lifetime } = entry;
  return commandCredential({
    command,
    username,
    lifetime: lifetime === undefined ? undefined : parseDuration(lifetime),
  });
}

/** In milliseconds. */
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** Reads `45m` as milliseconds. */
function parseDuration(text: string): number {
  return Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? 1);
}
