import { compileNetworks, type Networks } from '../core/networks.ts';

/**
 * Compiles a list of addresses and networks (`10.0.0.0/8`, `::1`) to a test of addresses.
 *
 * @throws TypeError An entry is neither, so that a typo does not end in trusting nobody.
 */
export function compileTrust(networks: readonly string[]): Networks {
  try {
    return compileNetworks(networks);
  } catch (error) {
    const network = error instanceof TypeError ? error.message : error;
    throw new TypeError(
      `trustProxy: \`${network}\` is neither an address nor a network; write \`10.0.0.0/8\` or \`::1\`.`,
    );
  }
}
