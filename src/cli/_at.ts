import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';

/** A timer waits no longer than this, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** Reads `--at`: a time in RFC 3339, or a time of day here, the next one. */
export function readTime(text: string): Date {
  const now = new Date();
  const time = parseTimeOfDay(text, now) ?? parseTimestamp(text);
  if (!time) throw new InvalidArgumentError('Write a time: 2026-12-01T08:00:00Z, or 08:00.');
  if (time <= now) throw new InvalidArgumentError('That time is past.');
  return time;
}

function parseTimestamp(text: string): Date | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function parseTimeOfDay(text: string, now: Date): Date | undefined {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hours === undefined) return undefined;
  const time = new Date(now);
  time.setHours(Number(hours), Number(minutes), 0, 0);
  if (time <= now) time.setDate(time.getDate() + 1);
  return time;
}

/** Waits until a time. */
export async function waitUntil(time: Date): Promise<void> {
  for (let rest = time.getTime() - Date.now(); rest > 0; rest = time.getTime() - Date.now())
    await sleep(Math.min(rest, LONGEST));
}
