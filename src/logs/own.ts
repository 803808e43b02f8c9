import { type LogLine, readTarget } from './entry.ts';

/** Reads a line of `turnout serve --log json`. */
export function readOwnLine(line: string): LogLine {
  const data = parse(line);
  if (data === undefined) return 'unreadable';
  // A line of the program's own (`turnout ready`, a report of a client).
  if (data.method === undefined && typeof data.msg === 'string') return 'nothing';
  const { method, host, path, status, type, rule, location, target, userAgent } = data;
  if (typeof method !== 'string' || typeof path !== 'string') return 'unreadable';
  const read = readTarget(path);
  if (typeof read === 'string') return read;
  return {
    ...read,
    method: method.toUpperCase(),
    host: text(host) ?? read.host,
    ip: undefined,
    userAgent: text(userAgent),
    status: typeof status === 'number' ? status : undefined,
    decision:
      typeof type === 'string'
        ? { type, rule: text(rule), address: text(location) ?? text(target) }
        : undefined,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const data: unknown = JSON.parse(line);
    return typeof data === 'object' && data !== null && !Array.isArray(data)
      ? (data as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
