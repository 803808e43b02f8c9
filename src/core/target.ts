import type { IssueCode } from './errors.ts';
import { formatAuthority, parseAuthority } from './host.ts';
import { listNames, parseTemplate } from './path.ts';
import { PatternError, type TemplateToken } from './pattern.ts';
import { hasDotSegment } from './request.ts';
import type { RuleConfig } from './rule.ts';
import { joinParameters, parseUriTemplate } from './uri-template.ts';

/** An address of a rule, read but not yet joined to its `match`. */
export interface TargetAddress {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Host and port. */
  readonly host: string;
  /** The path, from its slash on; empty when there is none, or nothing but the slash. */
  readonly path: readonly TemplateToken[];
  /** The query. */
  readonly query: readonly TemplateToken[];
  /** Whether a slash and nothing else follows the host. */
  readonly root?: boolean;
}

/** An address that cannot be used. */
export interface TargetProblem {
  /** The kind of mistake. */
  readonly code: IssueCode;
  /** What is wrong and what to write instead. */
  readonly message: string;
}

/** Reads the address of an upstream: `ghcr.io/acme-inc/*image`, `https://cdn.example/:version/app.tgz?ref=:ref`. */
export function parseTarget(text: string, syntax?: RuleConfig['syntax']): TargetAddress | TargetProblem {
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme && scheme !== 'https' && scheme !== 'http') {
    return invalid(`\`${scheme}:\` is not a scheme that clients download from; write \`https://…\`.`);
  }
  const rest = scheme ? text.slice(scheme.length + 3) : text;
  const [, authority = '', address = ''] = /^((?:\{[^?]|[^/?#{])*)([^#]*)/.exec(rest) ?? [];
  const problem =
    findAuthorityProblem(authority) ??
    (rest.includes('#') ? invalid('An address has no fragment; leave `#…` out.') : undefined);
  if (problem) return problem;
  const read = parseAuthority(authority);
  if (!read) return invalid(`\`${authority}\` is not a host; write a host name, such as \`ghcr.io\`.`);
  const port = read.port === (scheme === 'http' ? '80' : '443') ? undefined : read.port;
  const host = formatAuthority({ name: read.name, port });
  try {
    const { path: tokens, query } = syntax === 'rfc6570' ? readUriTemplate(address) : readTemplate(address);
    if (hasDotSegment(tokens.map((token) => (token.type === 'text' ? token.value : 'x')).join(''))) {
      return invalid('An address has no dot segments; write the path that they lead to.');
    }
    const root = /^\/+(?:$|\?)/.test(address) && { root: true };
    return { origin: `${scheme ?? 'https'}://${host}`, host, path: tokens, query, ...root };
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return invalid(`This is not a template: ${error.message}.`);
  }
}

type Template = Pick<TargetAddress, 'path' | 'query'>;

function readTemplate(address: string): Template {
  const [, path = '', query = ''] = /^([^?]*)(?:\?(.*))?/s.exec(address) ?? [];
  return { path: parseTemplate(path.replace(/^\/+$/, '')), query: parseTemplate(query) };
}

function readUriTemplate(address: string): Template {
  const { path, query } = parseUriTemplate(address.replace(/^\/+(?=$|\?)/, ''));
  return { path, query: joinParameters(query) };
}

function findAuthorityProblem(authority: string): TargetProblem | undefined {
  if (authority === '')
    return invalid('There is no host in this address; write `host/path` or `https://host/path`.');
  if (authority.includes('@')) {
    return {
      code: 'credentials_in_url',
      message: 'An address has no credentials; write them under `auth:`, as `${NAME}` from the environment.',
    };
  }
  if (/[*{}]|:[^\d]/.test(authority.replace(/^\[[\da-f:.]+\]/i, ''))) {
    return {
      code: 'variable_in_authority',
      message:
        'The host of an address cannot come from a request, and a slash must follow it before anything optional; write one rule for each host.',
    };
  }
  return undefined;
}

function invalid(message: string): TargetProblem {
  return { code: 'invalid_target', message };
}

/** The values of a match by name. */
export type Params = Readonly<Record<string, string>>;

/** Writes the value of a variable into an address. */
export type Encode = (value: string, name: string) => string;

/** Fills a template with values; `encode` gets each value. A group is left out when a value in it is missing. */
export function expand(tokens: readonly TemplateToken[], params: Params, encode: Encode): string {
  let text = '';
  for (const token of tokens) {
    if (token.type === 'text') text += token.value;
    else if (token.type !== 'group')
      text += encode(Object.hasOwn(params, token.name) ? (params[token.name] as string) : '', token.name);
    else if (listRequired(token.tokens).every((name) => Object.hasOwn(params, name)))
      text += expand(token.tokens, params, encode);
  }
  return text;
}

/** Lists the variables that a template cannot do without. */
export function listRequired(tokens: readonly TemplateToken[]): readonly string[] {
  return listNames(tokens.filter((token) => token.type !== 'group'));
}
