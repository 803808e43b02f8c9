import ipaddr from 'ipaddr.js';
import { splitHost } from '../core/host.ts';

/** Where an address is reached from. */
export type Reach = 'public' | 'private' | 'loopback' | 'reserved';

/** Names that are never looked up in public (RFC 6761, RFC 6762, RFC 8375, RFC 9476). */
const PRIVATE_NAME = /(?:^|\.)(?:local|internal|intranet|private|corp|home|lan|home\.arpa|test|svc|alt)$/;

/** Tells what kind of host a name or address is, as far as it can be told without looking it up. */
export function reachOf(host: string): Reach {
  const { name } = splitHost(host);
  const literal = name.startsWith('[') ? name.slice(1, -1) : name;
  if (ipaddr.isValid(literal)) return reachOfAddress(literal);
  if (name === 'localhost' || name.endsWith('.localhost')) return 'loopback';
  return !name.includes('.') || PRIVATE_NAME.test(name) ? 'private' : 'public';
}

/** Tells whether an address is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && reachOfAddress(address) === 'public';
}

function reachOfAddress(address: string): Reach {
  switch (ipaddr.process(address).range()) {
    case 'unicast':
      return 'public';
    case 'loopback':
      return 'loopback';
    case 'private':
    case 'uniqueLocal':
    case 'carrierGradeNat':
      return 'private';
    default:
      return 'reserved';
  }
}

/** What decides where an upstream may lead the gateway. */
export interface Leader {
  /** The upstream's own origin. */
  readonly origin: string;
  /** Hosts that its rule allows besides. */
  readonly allow: readonly string[];
}

/**
 * Tells how the gateway may fetch an address that an upstream chose (a redirect, a token server): `named` when its rule
 * names it or it is no more private than the upstream itself, `guarded` when it must turn out to be public, and
 * `refused` otherwise. Public https addresses may always be led to; http only by an upstream that is http itself.
 */
export function judge(url: URL, leader: Leader): 'named' | 'guarded' | 'refused' {
  if ((url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '' || url.password !== '')
    return 'refused';
  if (url.origin === leader.origin || isAllowed(url, leader.allow)) return 'named';
  if (url.protocol === 'http:' && leader.origin.startsWith('https:')) return 'refused';
  const reach = reachOf(url.host);
  if (reach === 'public') return 'guarded';
  return reach !== 'reserved' && reach === reachOf(leader.origin.slice(leader.origin.indexOf('//') + 2))
    ? 'named'
    : 'refused';
}

/** A host without a port stands for the port of the scheme. */
function isAllowed(url: URL, allow: readonly string[]): boolean {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return allow.some((host) => host === url.host || host === `${url.hostname}:${port}`);
}
