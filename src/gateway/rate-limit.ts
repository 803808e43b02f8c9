/** How much an upstream lets this gateway have. */
export interface RateLimit {
  /** Requests in a window. */
  readonly limit: number;
  /** Those that are left. */
  readonly remaining: number;
  /** The window's length in seconds, if it is known. */
  readonly window: number | undefined;
}

/** Reads `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 20;w=21600`, as Docker Hub sends them. */
export function readRateLimit(headers: Readonly<Record<string, string>>): RateLimit | undefined {
  const limit = readQuantity(headers['ratelimit-limit']);
  const remaining = readQuantity(headers['ratelimit-remaining']);
  if (!limit || !remaining) return undefined;
  return { limit: limit.count, remaining: remaining.count, window: remaining.window ?? limit.window };
}

function readQuantity(
  field = '',
): { readonly count: number; readonly window: number | undefined } | undefined {
  const [, count, window] = /^\s*(\d{1,15})(?:\s*;\s*w=(\d{1,15}))?/.exec(field) ?? [];
  if (count === undefined) return undefined;
  return { count: Number(count), window: window === undefined ? undefined : Number(window) };
}
