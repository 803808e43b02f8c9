import { type LogLine, readStatus, readTarget, readValue } from './entry.ts';

/** The fields of a standard log as they stand when no line says otherwise. */
const FIELDS =
  'date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol'.split(
    ' ',
  );

/**
 * Makes a reader of CloudFront's standard log: fields between tabs, in the order that a line `#Fields:` names.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
 */
export function createCloudFrontReader(): (line: string) => LogLine {
  let places = placesOf(FIELDS);
  return (line) => {
    if (line.startsWith('#')) {
      const names = /^#Fields:\s*(\S.*)$/.exec(line)?.[1];
      if (names !== undefined) places = placesOf(names.trim().split(/\s+/));
      return 'nothing';
    }
    const values = line.split('\t');
    const value = (name: string): string | undefined => readValue(values[places.get(name) ?? -1]);
    const method = value('cs-method');
    const stem = value('cs-uri-stem');
    const status = value('sc-status');
    if (method === undefined || stem === undefined || readStatus(status?.padStart(3, '0')) === undefined)
      return 'unreadable';
    const read = readTarget(stem);
    if (typeof read === 'string') return read;
    const protocol = value('cs-protocol');
    const agent = value('cs(User-Agent)');
    return {
      ...read,
      method: method.toUpperCase(),
      scheme: protocol === 'http' || protocol === 'ws' ? 'http' : protocol ? 'https' : undefined,
      // The name that the viewer asked, where `cs(Host)` is the distribution's own.
      host: value('x-host-header') ?? value('cs(Host)'),
      query: value('cs-uri-query'),
      ip: value('c-ip'),
      userAgent: agent && decode(agent),
      status: readStatus(status?.padStart(3, '0')),
    };
  };
}

function placesOf(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name, place) => [name, place]));
}

/** CloudFront writes spaces as `%20`, and what was encoded already as `%2520`. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('%2520', '%20'));
  } catch {
    return text;
  }
}
