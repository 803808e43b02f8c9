import type { RuleSet } from './compile.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { matchElements } from './matcher.ts';
import type { Protocol, ProtocolRequest, Resource } from './protocol.ts';
import { findParameter } from './query.ts';
import type { RequestDescriptor } from './request.ts';
import type { Group, Leaf, Mount } from './rule-index.ts';
import type { Params } from './target.ts';

/** A rule that a request matched. */
export interface Match {
  readonly protocol: Protocol;
  readonly rule: CompiledRule;
  readonly resource: Resource;
  readonly subject: string | undefined;
  readonly params: Params;
  readonly at: string;
}

/** The values of a pattern without variables. */
export const NO_PARAMS: Params = {};

/** Finds the rule that takes a request, or the protocol that claims it without a rule for it. */
export function findMatch(
  ruleSet: RuleSet,
  request: RequestDescriptor,
  only?: CompiledRule,
): Match | Protocol | undefined {
  let claimed: Protocol | undefined;
  const found = ruleSet.index.find(request.host, request.path, (mount) => {
    const result = findInMount(mount, request, claimed, only);
    if (result === undefined || 'rule' in result) return result;
    claimed = result;
    return undefined;
  });
  return found ?? claimed;
}

function findInMount(
  mount: Mount,
  request: RequestDescriptor,
  claimed: Protocol | undefined,
  only: CompiledRule | undefined,
): Match | Protocol | undefined {
  const below = belowMount(mount.at, request);
  for (const group of mount.groups) {
    const { protocol } = group;
    if (claimed && claimed.name !== protocol.name) continue;
    for (let resource = protocol.parse(below); resource; resource = protocol.aside?.(resource)) {
      const found = findInGroup(group, resource, request, mount.at, only);
      if (found) return found;
      if (protocol.exclusive && protocol.subject(resource) !== undefined) return protocol;
    }
  }
  return undefined;
}

function findInGroup(
  { protocol, trie, expressions, everything, whole }: Group,
  resource: Resource,
  request: RequestDescriptor,
  at: string,
  only: CompiledRule | undefined,
): Match | undefined {
  const subject = protocol.subject(resource);
  if (subject === undefined) {
    if (only && only !== whole) return undefined;
    return { protocol, rule: whole, resource, subject, params: NO_PARAMS, at };
  }
  const accept = (leaf: Leaf, values: readonly (string | undefined)[]): Match | undefined => {
    const { rule } = leaf;
    if (only && only !== rule) return undefined;
    if (protocol.takes && !protocol.takes(resource, rule.options)) return undefined;
    const captured = readParams(leaf, values, request.query);
    const params = captured && withOwn(protocol, resource, captured);
    return params && { protocol, rule, resource, subject, params, at };
  };
  return (
    trie.find(subject, accept) ?? firstExpression(expressions, subject, accept) ?? first(everything, accept)
  );
}

function firstExpression(
  expressions: Group['expressions'],
  subject: string,
  accept: (leaf: Leaf, values: readonly (string | undefined)[]) => Match | undefined,
): Match | undefined {
  for (const { expression, leaf } of expressions) {
    const values = expression.exec(subject);
    const found = values && accept(leaf, values);
    if (found) return found;
  }
  return undefined;
}

/** The variables of a protocol's own stand behind those of `match`. */
function withOwn(protocol: Protocol, resource: Resource, params: Params): Params {
  return protocol.values ? { ...protocol.values(resource), ...params } : params;
}

function first(
  leaves: readonly Leaf[],
  accept: (leaf: Leaf, values: readonly string[]) => Match | undefined,
): Match | undefined {
  for (const leaf of leaves) {
    const found = accept(leaf, []);
    if (found) return found;
  }
  return undefined;
}

/** A request as the protocol of a mount reads it. */
export function belowMount(at: string, request: RequestDescriptor): ProtocolRequest {
  if (at === '/') return request;
  return { method: request.method, path: request.path.slice(at.length - 1), query: request.query };
}

/** The values of a leaf's variables; `undefined` when the query is not what the pattern asks for. */
function readParams(
  { names, query }: Leaf,
  values: readonly (string | undefined)[],
  text: string | undefined,
): Params | undefined {
  if (names.length === 0 && query.length === 0) return NO_PARAMS;
  const params: Record<string, string> = {};
  for (let index = 0; index < names.length; index++) {
    const value = values[index];
    if (value !== undefined && !put(params, names[index] as string, value)) return undefined;
  }
  for (const condition of query) {
    const value = findParameter(text ?? '', condition.key);
    // A form sends what nobody has filled in as empty.
    if (condition.optional && !value) continue;
    if (value === undefined) return undefined;
    const captured: string[] = [];
    if (!matchElements(condition.elements, 0, value, 0, value.length, captured)) return undefined;
    if (!condition.names.every((name, index) => put(params, name, captured[index] as string)))
      return undefined;
  }
  return params;
}

/** Sets a variable; one that stands twice must have one value. */
function put(params: Record<string, string>, name: string, value: string): boolean {
  if (Object.hasOwn(params, name)) return params[name] === value;
  params[name] = value;
  return true;
}
