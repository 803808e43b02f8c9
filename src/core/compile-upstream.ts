import { BROKEN, type Match } from './compile-match.ts';
import { compilePart, type Part } from './compile-part.ts';
import type { CompiledUpstream } from './compiled-rule.ts';
import type { NetworkLists } from './condition.ts';
import { type Authentication, holdCredential } from './credential.ts';
import type { Report } from './errors.ts';
import { parseAuthority, splitHost, takesName } from './host.ts';
import { listNames } from './path.ts';
import type { TemplateToken } from './pattern.ts';
import type { Rule, UpstreamConfig } from './rule.ts';
import { suggest } from './suggest.ts';
import {
  type Encode,
  expand,
  listRequired,
  type Params,
  parseTarget,
  type TargetAddress,
  type TargetProblem,
} from './target.ts';

/** Compiles the `to` of a rule: every address checked against its `match`. */
export function compileUpstreams(
  rule: Rule,
  match: Match,
  hosts: readonly string[],
  networks: NetworkLists,
  report: Report,
  warn: Report,
): readonly CompiledUpstream[] {
  const { to } = rule;
  if (to === undefined) {
    if (!rule.protocol.targetOptional)
      report('missing_target', [], 'This rule leads nowhere; write `to:` with the address of an upstream.');
    return [];
  }
  if (Array.isArray(to) && to.length === 0)
    report('missing_target', ['to'], 'The list of upstreams is empty; write at least one address.');
  const list = (Array.isArray(to) ? to : [to]) as readonly (string | UpstreamConfig)[];
  const upstreams = list.flatMap((entry, index) => {
    const config = typeof entry === 'string' ? { url: entry } : entry;
    const key: Key = Array.isArray(to) ? ['to', index] : ['to'];
    const urlKey = typeof entry === 'string' ? key : [...key, 'url'];
    const address = readTarget(rule, config.url);
    if ('code' in address) {
      report(address.code, urlKey, address.message);
      return [];
    }
    if (match !== BROKEN) checkVariables(rule, address, match, urlKey, report, warn);
    checkAllow(config.allow, key, report);
    const auth = config.auth ?? rule.auth;
    warnDoubts(rule, address, hosts, auth, urlKey, warn);
    const part = compilePart(config, rule, key, networks, report);
    const upstream = compileUpstream(rule, match, address, config, auth, part);
    advise(rule, upstream, urlKey, warn);
    return [upstream];
  });
  // A copy has no room for more, which the rule set would keep.
  return [...upstreams];
}

type Key = readonly (string | number)[];

/** Reads an address, or a short form of the protocol's. */
function readTarget(
  { protocol, syntax }: Rule,
  text: string,
): (TargetAddress & { readonly kind?: string }) | TargetProblem {
  const short = protocol.expandTarget?.(text);
  if (typeof short === 'string') return { code: 'invalid_target', message: short };
  const address = parseTarget(short?.url ?? text, syntax);
  return short && !('code' in address) ? { ...address, kind: short.kind } : address;
}

function compileUpstream(
  { protocol, match: written, syntax }: Rule,
  match: Match,
  address: TargetAddress & { readonly kind?: string },
  { url, allow = [] }: UpstreamConfig,
  auth: Authentication | undefined,
  part: Part,
): CompiledUpstream {
  const origin = protocol.locate?.(address.origin) ?? address.origin;
  // With these syntaxes an address is a whole one, and only a bare host keeps the path.
  const { root = false, path } = address;
  const literal = syntax === 'rfc6570' || (typeof written === 'object' && 'exec' in written && root);
  const whole = protocol.subjects === 'path' && literal && (root || path.length > 0);
  const upstream: CompiledUpstream = {
    url,
    origin,
    host: origin.slice(origin.indexOf('//') + 2),
    authenticated: auth !== undefined,
    delegated: auth === 'client',
    kind: address.kind,
    ...part,
    allow: allow.map((host) => host.toLowerCase()),
    needs: listNeeds(protocol, match, address),
    place: compilePlace(protocol, match, address, encoding(match.fromQuery, encodeDelimiters, asItIs), whole),
    query: fillingQuery(address.query, encoding(match.fromQuery, asItIs, encodeAmpersands)),
  };
  if (auth && auth !== 'client') holdCredential(upstream, auth);
  return upstream;
}

const NO_NEEDS: readonly string[] = [];

/** The variables of a protocol's own that an address cannot do without, and that some resources lack. */
function listNeeds(
  { variables = [] }: Rule['protocol'],
  match: Match,
  { path, query }: TargetAddress,
): readonly string[] {
  if (variables.length === 0) return NO_NEEDS;
  return [...listRequired(path), ...listRequired(query)].filter(
    (name) => variables.includes(name) && !match.always.has(name),
  );
}

/** Says where a subject is: under the same name, below a base, or where a template says. */
function compilePlace(
  protocol: Rule['protocol'],
  match: Match,
  { path, query }: TargetAddress,
  encode: Encode,
  whole: boolean,
): CompiledUpstream['place'] {
  const mount = withoutEndSlash(path);
  if (!protocol.rename) return filling(mount, encode);
  if (whole) return path.length === 0 ? constantly('/') : filling(path, encode);
  if (mount.length === 0) return sameSubject;
  const named = protocol.subjects === 'name';
  const template = named ? withoutStartSlash(mount) : path;
  if (listNames([...path, ...query]).length > 0) return filling(template, encode);
  const base = expand(named ? template : mount, {}, encode);
  if (match.rest !== undefined) return restBelow(`${base}/`, match.rest);
  if (match.alternatives[0]?.pattern === undefined) return subjectBelow(named ? `${base}/` : base);
  return filling(template, encode);
}

// Made by functions of their own: what they hold is kept for as long as the rule set.

function filling(tokens: readonly TemplateToken[], encode: Encode): (params: Params) => string {
  if (tokens.length === 0) return nothing;
  if (listNames(tokens).length === 0) return constantly(expand(tokens, {}, encode));
  return (params) => expand(tokens, params, encode);
}

/** Without the ampersand that is left when the first parameter is left out. */
function fillingQuery(tokens: readonly TemplateToken[], encode: Encode): (params: Params) => string {
  if (tokens[0]?.type !== 'group') return filling(tokens, encode);
  return (params) => expand(tokens, params, encode).replace(/^&/, '');
}

function constantly(text: string): () => string {
  return () => text;
}

function nothing(): string {
  return '';
}

function sameSubject(_: Params, subject: string): string {
  return subject;
}

function subjectBelow(base: string): CompiledUpstream['place'] {
  return (_, subject) => base + subject;
}

function restBelow(base: string, rest: string): CompiledUpstream['place'] {
  return (params) => base + params[rest];
}

/** Writes the values of these names in one way, and all others in another. */
function encoding(names: ReadonlySet<string>, encodeThese: Encode, encodeOthers: Encode): Encode {
  if (names.size === 0) return encodeOthers;
  return (value, name) => (names.has(name) ? encodeThese(value, name) : encodeOthers(value, name));
}

/** A mount or a name has no slash at its end, only the address of one file does. */
function withoutEndSlash(path: readonly TemplateToken[]): readonly TemplateToken[] {
  const last = path.at(-1);
  if (last?.type !== 'text' || !last.value.endsWith('/')) return path;
  // The look-behind keeps a long run of slashes from being tried at each of them.
  const value = last.value.replace(/(?<!\/)\/+$/, '');
  return [...path.slice(0, -1), ...(value === '' ? [] : [{ type: 'text', value } as const])];
}

function withoutStartSlash([first, ...rest]: readonly TemplateToken[]): readonly TemplateToken[] {
  return first?.type === 'text' ? [{ ...first, value: first.value.slice(1) }, ...rest] : [];
}

function checkVariables(
  { protocol: { variables = [] } }: Rule,
  address: TargetAddress,
  match: Match,
  key: Key,
  report: Report,
  warn: Report,
): void {
  const known = [...match.always, ...match.sometimes];
  const used = [...listNames(address.path), ...listNames(address.query)];
  if (known.length === 0 && used.length === 0) return;
  const all = [...known, ...variables];
  const required = new Set([...listRequired(address.path), ...listRequired(address.query)]);
  for (const name of new Set(used)) {
    if (!all.includes(name)) {
      const near = suggest(name, all);
      const hint = near
        ? `did you mean \`${near}\`?`
        : all.length > 0
          ? `it has ${all.map((other) => `\`${other}\``).join(', ')}.`
          : 'it has none.';
      report('unknown_parameter', key, `\`match\` has no variable \`${name}\`; ${hint}`);
    } else if (match.sometimes.has(name) && required.has(name)) {
      report(
        'optional_parameter',
        key,
        `\`${name}\` is optional in \`match\`; put what depends on it in braces here too.`,
      );
    }
  }
  const appended = used.length === 0 ? match.rest : undefined;
  const unused = known.filter((name) => !used.includes(name) && name !== appended);
  if (unused.length > 0 && address.path.length > 0) {
    warn(
      'unused_parameter',
      key,
      `${unused.map((name) => `\`${name}\``).join(', ')} of \`match\` ${unused.length === 1 ? 'is' : 'are'} not used here: requests that differ in nothing else lead to one place.`,
    );
  }
}

function checkAllow(allow: readonly string[] | undefined, key: Key, report: Report): void {
  allow?.forEach((host, index) => {
    if (!parseAuthority(host))
      report(
        'invalid_host',
        [...key, 'allow', index],
        `\`${host}\` is not a host; write a name or an address, with a port if it needs one.`,
      );
  });
}

function warnDoubts(
  rule: Rule,
  { origin, host }: TargetAddress,
  hosts: readonly string[],
  auth: Authentication | undefined,
  key: Key,
  warn: Report,
): void {
  const { name } = splitHost(host);
  const plain = origin.startsWith('http:');
  if (hosts.some((own) => takesName(splitHost(own).name, name))) {
    warn(
      'self_target',
      key,
      `This leads to \`${name}\`, a host of this rule; if Turnout answers there, requests go round in a circle.`,
    );
  }
  if (plain && auth && !isLoopback(name)) {
    warn(
      'insecure_credentials',
      key,
      'Credentials are sent to this address without encryption; write `https://`.',
    );
  }
  if (auth && rule.mode === 'redirect') {
    warn(
      'redirect_without_credentials',
      key,
      'A redirect cannot carry the credential of this rule; leave `mode: redirect` out.',
    );
  }
  if (plain && rule.mode === 'redirect' && !rule.downgrade) {
    warn(
      'downgrade',
      key,
      'Clients that came over https are not redirected to http but served through the gateway; write `https://`, or `downgrade: true` if all your clients follow.',
    );
  }
}

function advise({ protocol, mode }: Rule, upstream: CompiledUpstream, key: Key, warn: Report): void {
  // What is redirected, clients ask for themselves.
  const advice = mode === 'redirect' ? undefined : protocol.advise?.(upstream);
  if (advice) warn('missing_credentials', key, advice);
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127(?:\.\d+){3}$/.test(name);
}

function asItIs(value: string): string {
  return value;
}

/** A value from a query, for one segment of a path: what has a meaning there, or is not allowed, is encoded. */
function encodeDelimiters(value: string): string {
  return value.replace(/[^\w\-.~!$&'()*+,;=:@%[\]|]|%(?![\dA-Fa-f]{2})/g, encodeURIComponent);
}

/** A value from a path, for a query. */
function encodeAmpersands(value: string): string {
  return value.replaceAll('&', '%26').replaceAll('+', '%2B');
}
