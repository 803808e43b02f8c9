import { isNetwork } from '../core/condition.ts';
import { parseAuthority, splitHost } from '../core/host.ts';
import { type LogEntry, type LogLine, readStatus, readTarget, readValue } from './entry.ts';

/** A field of a line, and how it was written. */
interface Field {
  readonly kind: 'plain' | 'quoted' | 'time';
  readonly text: string;
}

/**
 * Reads a line of Apache's common and combined formats and of nginx's default, also with the host that was asked: in
 * front, as `vhost_combined` has it, before the address, or behind the `User-Agent`.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_log_config.html
 * @see https://nginx.org/en/docs/http/ngx_http_log_module.html
 */
export function readCombinedLine(line: string): LogLine {
  const fields = split(line);
  const time = fields.findIndex(({ kind }) => kind === 'time');
  const request = fields[time + 1];
  const status = readStatus(fields[time + 2]?.text);
  if (time < 1 || request?.kind !== 'quoted' || status === undefined) return 'unreadable';
  const [, method, target] = /^([A-Z]+) (.+?)(?: HTTP\/\d(?:\.\d)?)?$/s.exec(request.text) ?? [];
  const read = target === undefined ? 'unreadable' : readTarget(target);
  // A client that said nothing, or nothing that the server could read, such as TLS on a port without it.
  if (method === undefined || typeof read === 'string')
    return read === 'nothing' || request.text === '-' || REFUSED.includes(status) ? 'nothing' : 'unreadable';
  const quoted = fields.slice(time + 4).filter(({ kind }) => kind === 'quoted');
  const { ip, host, scheme } = readFront(fields.slice(0, time));
  return {
    ...read,
    method,
    scheme: read.scheme ?? scheme,
    host: read.host ?? host ?? findHost(fields.slice(time + 4), quoted.slice(0, 2)),
    ip,
    userAgent: readValue(quoted[1]?.text),
    status,
  };
}

/** What servers answer to what they cannot read, and what they write when the client leaves before that. */
const REFUSED: readonly number[] = [0, 400, 408, 414, 499, 501, 505];

/** What stands before the time: an address and two names, perhaps with the host before or behind the address. */
function readFront(fields: readonly Field[]): Pick<LogEntry, 'ip' | 'host' | 'scheme'> {
  const [first = '', second = ''] = fields.map(({ text }) => text);
  if (isAddress(first))
    return { ip: first, ...(fields.length > 3 && isName(second) ? readHost(second) : NO_HOST) };
  if (isAddress(second)) return { ip: second, ...readHost(first) };
  // A client by its name (`HostnameLookups`): with three fields there is no room for a host.
  return { ip: undefined, ...(fields.length > 3 && isName(first) ? readHost(first) : NO_HOST) };
}

const NO_HOST = { host: undefined, scheme: undefined } as const;

/** A host with the port of a scheme tells the scheme. */
function readHost(text: string): Pick<LogEntry, 'host' | 'scheme'> {
  const { port } = splitHost(text);
  const scheme = port === '443' ? 'https' : port === '80' ? 'http' : undefined;
  const host = scheme ? text.slice(0, text.lastIndexOf(':')) : text;
  return { host: readValue(host), scheme };
}

/** The host among what people add behind the `User-Agent`; nothing that could be something else counts. */
function findHost(fields: readonly Field[], known: readonly Field[]): string | undefined {
  return fields.find((field) => !known.includes(field) && isName(field.text))?.text;
}

/** A name with a dot whose last label has letters; not an address, a number or a word. */
function isName(text: string): boolean {
  const name = splitHost(text).name;
  return /\.[a-z][a-z\d-]+$/.test(name) && parseAuthority(text) !== undefined && !name.startsWith('tlsv');
}

function isAddress(text: string): boolean {
  return /^[\da-fA-F:.]+$/.test(text) && isNetwork(text);
}

/** Splits a line at its spaces; quotes and the brackets of the time hold together. One pass. */
function split(line: string): readonly Field[] {
  const fields: Field[] = [];
  let index = 0;
  while (index < line.length) {
    const character = line[index];
    if (character === ' ' || character === '\t') {
      index += 1;
      continue;
    }
    const quoted = character === '"';
    const end = quoted ? findQuote(line, index + 1) : findTimeEnd(line, index);
    if (quoted) fields.push({ kind: 'quoted', text: unfold(line.slice(index + 1, end)) });
    else if (end !== undefined) fields.push({ kind: 'time', text: line.slice(index + 1, end) });
    const stop = end === undefined ? findSpace(line, index) : end + 1;
    if (end === undefined) fields.push({ kind: 'plain', text: line.slice(index, stop) });
    index = stop;
  }
  return fields;
}

/** The end of a time in brackets, `[10/Oct/2026:13:55:36 +0000]`; an address in brackets is none. */
function findTimeEnd(line: string, from: number): number | undefined {
  return /^\[\d\d\/[A-Za-z]{3}\/[^\]]{1,40}\]/.exec(line.slice(from, from + 64)) === null
    ? undefined
    : line.indexOf(']', from);
}

function findSpace(line: string, from: number): number {
  const space = line.indexOf(' ', from);
  return space === -1 ? line.length : space;
}

function findQuote(line: string, from: number): number {
  let index = from;
  while (index < line.length && line[index] !== '"') index += line[index] === '\\' ? 2 : 1;
  return Math.min(index, line.length);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', v: '\v', f: '\f' };

/** What both servers write for what cannot stand in a line: `\x22`, `\"`, `\\`, `\t`. */
function unfold(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(?:x([\dA-Fa-f]{2})|(.))/gs, (_, code?: string, character = '') =>
    code === undefined ? (ESCAPES[character] ?? character) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
