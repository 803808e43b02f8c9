import { LRUCache } from 'lru-cache';
import type { CompiledRule } from '../core/compiled-rule.ts';
import type { Route } from '../core/decide.ts';
import type { Tie } from '../core/protocol.ts';
import type { RequestDescriptor } from '../core/request.ts';

/** The most snapshots that are remembered. */
const MOST = 10_000;

/** For how long after its index a member is still asked for, in milliseconds. */
const LIFETIME = 3_600_000;

/** Remembers from which upstream the indexes of clients came, so that what belongs to them comes from there too. */
export interface Ties {
  /** The number of the only upstream that may answer; `undefined` when any may. */
  find(route: Route, request: RequestDescriptor): number | undefined;
  /** Notes which upstream has answered. */
  note(route: Route, request: RequestDescriptor, number: number): void;
}

/** Tells how the resource of a route hangs together with others. */
export function tieOf({ protocol, resource }: Route): Tie | undefined {
  return resource && protocol?.tie?.(resource);
}

/** Makes an empty memory; it has addresses of clients in it, only while it lasts. */
export function createTies(): Ties {
  const addresses = new LRUCache<string, string>({ max: MOST, ttl: LIFETIME });
  return {
    find(route, request) {
      const { rule } = route;
      const tie = rule && rule.upstreams.length > 1 ? tieOf(route) : undefined;
      if (!rule || tie?.type !== 'member') return undefined;
      const address = addresses.get(keyOf(rule, tie.of, request));
      // After a change of the rule it may be gone.
      const number = rule.upstreams.findIndex(({ url }) => url === address);
      return number === -1 ? undefined : number;
    },
    note(route, request, number) {
      const { rule } = route;
      const tie = rule && rule.upstreams.length > 1 ? tieOf(route) : undefined;
      const upstream = rule?.upstreams[number];
      if (!rule || !upstream || tie?.type !== 'index') return;
      addresses.set(keyOf(rule, tie.of, request), upstream.url);
    },
  };
}

function keyOf(rule: CompiledRule, of: string, { host, ip = '' }: RequestDescriptor): string {
  return JSON.stringify([rule.name, host, of, ip]);
}
