import type { RuleSet } from '../core/compile.ts';
import type { CompiledRule } from '../core/compiled-rule.ts';
import { writeExample } from '../core/example.ts';
import { splitHost, takesName } from '../core/host.ts';
import type { Neighbour } from '../core/protocol.ts';
import type { RequestDescriptor } from '../core/request.ts';

/** Lists the rules that clients may use on the host of a request. */
export function listNeighbours({ rules }: RuleSet, request: RequestDescriptor): readonly Neighbour[] {
  const { name, port } = splitHost(request.host);
  const base = (request.origin ?? `${request.scheme}://${request.host}`) + (request.base ?? '');
  return rules
    .filter(
      ({ hosts }) =>
        hosts.length === 0 || hosts.some((host) => takesName(host, name) || host === `${name}:${port}`),
    )
    .map((rule) => toNeighbour(rule, base + rule.at.slice(0, -1)));
}

function toNeighbour(rule: CompiledRule, publicUrl: string): Neighbour {
  const { name, protocol, match, noticeText: notice, options } = rule;
  return {
    rule: name,
    protocol: protocol.name,
    publicUrl,
    match,
    notice,
    usage: protocol.usage(writeExample(rule), publicUrl),
    options,
  };
}
