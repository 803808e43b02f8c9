import ipaddr from 'ipaddr.js';

/**
 * Compiles a list of addresses and networks (`10.0.0.0/8`, `::1`) to a test of addresses.
 *
 * @throws TypeError An entry is neither, so that a typo does not end in trusting nobody.
 */
export function compileTrust(networks: readonly string[]): (address: string | undefined) => boolean {
  const parsed = networks.map(parseNetwork);
  return (text) => {
    if (text === undefined || !isAddress(text)) return false;
    const address = ipaddr.process(text);
    return parsed.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits));
  };
}

function parseNetwork(network: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (ipaddr.isValidCIDR(network)) return ipaddr.parseCIDR(network);
  if (!isAddress(network)) {
    throw new TypeError(
      `trustProxy: \`${network}\` is neither an address nor a network; write \`10.0.0.0/8\` or \`::1\`.`,
    );
  }
  const address = ipaddr.process(network);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

/** Short forms such as `10.0.0` are most likely networks that lack their end. */
function isAddress(text: string): boolean {
  return ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text);
}
