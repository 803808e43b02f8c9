import type { Report } from './errors.ts';
import { compileNetworks, type Networks } from './networks.ts';
import type { RequestDescriptor } from './request.ts';
import { suggest } from './suggest.ts';

/** For which requests an upstream is; all that is given must hold. */
export interface UpstreamCondition {
  /** Addresses and networks of clients (`10.0.0.0/8`), or the names of lists in the rule set's `networks`. */
  readonly networks?: readonly string[] | undefined;
  /** Header fields and the values of which they must have one, such as the country that a CDN names (`cf-ipcountry`). */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** The time from which on, in RFC 3339: `2026-12-01T00:00:00Z`. */
  readonly from?: string | undefined;
  /** The time until which. */
  readonly until?: string | undefined;
}

/** Lists of networks by name: a cloud's ranges, an office. */
export type NetworkLists = Readonly<Record<string, readonly string[]>>;

/** A condition that was checked. */
export interface CompiledCondition {
  /** Tells whether a client is one of those meant. */
  readonly networks: Networks | undefined;
  /** Lower-case names of fields, and the values of which each must have one. */
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[];
  /** From when on, in milliseconds since 1970. */
  readonly from: number;
  /** Until when. */
  readonly until: number;
}

/** RFC 3339 §5.6. */
const TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** RFC 9110 §5.1. */
const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** Compiles a condition; what is wrong is reported below `key`. */
export function compileCondition(
  { networks, headers = {}, from, until }: UpstreamCondition,
  lists: NetworkLists,
  key: readonly (string | number)[],
  report: Report,
): CompiledCondition {
  for (const name of Object.keys(headers)) {
    if (!FIELD_NAME.test(name))
      report('invalid_value', [...key, 'headers', name], `\`${name}\` is not the name of a header field.`);
  }
  return {
    networks: networks && compileLists(networks, lists, [...key, 'networks'], report),
    headers: Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      typeof value === 'string' ? [value] : value,
    ]),
    from: compileTime(from, [...key, 'from'], report) ?? Number.NEGATIVE_INFINITY,
    until: compileTime(until, [...key, 'until'], report) ?? Number.POSITIVE_INFINITY,
  };
}

/** Reads a time; `undefined` when none is given, or what is given is reported. */
export function compileTime(
  text: string | undefined,
  key: readonly (string | number)[],
  report: Report,
): number | undefined {
  if (text === undefined) return undefined;
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  report('invalid_value', key, `\`${text}\` is not a time; write it as \`2026-12-01T08:00:00Z\`.`);
  return undefined;
}

/** Tells whether a condition holds for a request at a time, in milliseconds since 1970. */
export function holds(
  { networks, headers, from, until }: CompiledCondition,
  request: RequestDescriptor,
  now: number,
): boolean {
  if (now < from || now >= until) return false;
  if (networks && !networks(request.ip)) return false;
  return headers.every(([name, values]) => values.includes(readField(request, name)));
}

function compileLists(
  networks: readonly string[],
  lists: NetworkLists,
  key: readonly (string | number)[],
  report: Report,
): Networks {
  const all = networks.flatMap((entry, index) => {
    if (Object.hasOwn(lists, entry)) return lists[entry] ?? [];
    if (isNetwork(entry)) return [entry];
    const near = suggest(entry, Object.keys(lists));
    const hint = near
      ? `did you mean \`${near}\`?`
      : 'write `10.0.0.0/8`, or the name of a list of `networks`.';
    report('invalid_value', [...key, index], `\`${entry}\` is neither an address nor a network; ${hint}`);
    return [];
  });
  return compileNetworks(all.filter(isNetwork));
}

/** Tells whether a text is an address or a network. */
export function isNetwork(text: string): boolean {
  try {
    compileNetworks([text]);
    return true;
  } catch {
    return false;
  }
}

/** Says why a condition does not hold for a request at a time; one sentence, and the first reason of several. */
export function explainCondition(
  { networks, headers, from, until }: CompiledCondition,
  request: RequestDescriptor,
  now: number,
): string {
  if (now < from) return `It is for requests from ${new Date(from).toISOString()} on.`;
  if (now >= until) return `It was for requests until ${new Date(until).toISOString()}.`;
  if (networks && !networks(request.ip))
    return request.ip === undefined
      ? 'It is for clients of some networks, and the address of this one is not known.'
      : `It is for clients of other networks than that of ${request.ip}.`;
  const [name = '', values = []] =
    headers.find(([field, allowed]) => !allowed.includes(readField(request, field))) ?? [];
  return `It is for requests whose \`${name}\` is ${values.map((value) => `\`${value}\``).join(' or ')}.`;
}

function readField({ headers }: RequestDescriptor, name: string): string {
  const field = headers?.[name];
  return typeof field === 'string' ? field : (field?.join(', ') ?? '');
}
