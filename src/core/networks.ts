import ipaddr from 'ipaddr.js';

/** Tells whether an address is in one of some networks; `undefined` for one that nobody knows. */
export type Networks = (address: string | undefined) => boolean;

/**
 * Compiles addresses and networks (`10.0.0.0/8`, `::1`) to a test of addresses.
 *
 * @throws TypeError An entry is neither; the message is the entry.
 */
export function compileNetworks(networks: readonly string[]): Networks {
  const parsed = networks.map(parseNetwork);
  return (text) => {
    if (text === undefined || !isAddress(text)) return false;
    const address = ipaddr.process(text);
    return parsed.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits));
  };
}

function parseNetwork(network: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (ipaddr.isValidCIDR(network)) return ipaddr.parseCIDR(network);
  if (!isAddress(network)) throw new TypeError(network);
  const address = ipaddr.process(network);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

/** Short forms such as `10.0.0` are most likely networks that lack their end. */
function isAddress(text: string): boolean {
  return ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text);
}
