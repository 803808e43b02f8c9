import { createCloudFrontReader } from './cloudfront.ts';
import { readCombinedLine } from './combined.ts';
import type { LogLine } from './entry.ts';
import { readOwnLine } from './own.ts';

/** The fewest tabs of a line of a standard log. */
const LEAST_TABS = 8;

/**
 * Makes a reader of the lines of one access log: Turnout's own JSON lines, Apache's common and combined formats,
 * nginx's default with or without the host, CloudFront's standard log. Each line tells its format by itself.
 *
 * Never throws; a line that is no request is `nothing` or `unreadable`.
 */
export function createLogReader(): (line: string) => LogLine {
  const readCloudFrontLine = createCloudFrontReader();
  return (text) => {
    const line = text.endsWith('\r') ? text.slice(0, -1) : text;
    if (line.trim() === '') return 'nothing';
    if (line.startsWith('{')) return readOwnLine(line);
    if (line.startsWith('#') || countTabs(line) >= LEAST_TABS) return readCloudFrontLine(line);
    return readCombinedLine(line);
  };
}

function countTabs(line: string): number {
  let count = 0;
  for (let at = line.indexOf('\t'); at !== -1 && count < LEAST_TABS; at = line.indexOf('\t', at + 1))
    count += 1;
  return count;
}
