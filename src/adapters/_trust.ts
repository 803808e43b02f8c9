import ipaddr from 'ipaddr.js';

/** Tells whether an address is in a list of addresses and networks (`10.0.0.0/8`, `::1`). */
export function isTrusted(address: string | undefined, networks: readonly string[]): boolean {
  if (address === undefined || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return networks.some((network) => {
    const [base, bits] = parseNetwork(network);
    return base.kind() === parsed.kind() && parsed.match(base, bits);
  });
}

/** Reads a network. Throws a `TypeError` when it is none, so that a typo does not end in trusting nobody. */
function parseNetwork(network: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (ipaddr.isValidCIDR(network)) return ipaddr.parseCIDR(network);
  if (!ipaddr.isValid(network)) throw new TypeError(`trustProxy: \`${network}\` is neither an address nor a network; write \`10.0.0.0/8\` or \`::1\`.`);
  const address = ipaddr.process(network);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
