import type { UpstreamCount, UpstreamCounts } from './_upstream-counts.ts';

/** The counters, by the number that each has. */
const COUNTERS = [
  [
    'requests',
    'turnout_upstream_requests_total',
    'Requests that the gateway made at an upstream for clients.',
  ],
  ['errors', 'turnout_upstream_errors_total', 'Those without an answer, or with 429 or a server error.'],
  ['refusals', 'turnout_upstream_refusals_total', 'Those with 401, 403, 404 or 410.'],
  ['redirects', 'turnout_upstream_redirects_total', 'Clients that were redirected to an upstream.'],
  [
    'trips',
    'turnout_upstream_trips_total',
    'How often an upstream lost its share, as it fared worse than others.',
  ],
] as const;

const LAST_ERROR = 'turnout_upstream_last_error_timestamp_seconds';
const IN_ORDER = 'turnout_upstream_in_order';

/**
 * Formats what became of requests at upstreams as Prometheus reads it.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function formatUpstreamMetrics({
  list,
  listHealth,
}: Pick<UpstreamCounts, 'list' | 'listHealth'>): string {
  const counts = list();
  const families = COUNTERS.map(([key, name, help]) =>
    formatFamily(
      name,
      'counter',
      help,
      counts.map((count) => [count, count[key]]),
    ),
  );
  const failed = counts.filter(({ lastError }) => lastError > 0);
  const health = listHealth().map(([upstream, inOrder]) => [{ upstream }, inOrder ? 1 : 0] as const);
  return [
    ...families,
    formatFamily(
      LAST_ERROR,
      'gauge',
      'When the last request failed.',
      failed.map((count) => [count, count.lastError / 1000]),
    ),
    formatFamily(IN_ORDER, 'gauge', 'Whether an upstream that fell out of order is in order again.', health),
  ].join('');
}

/** What is known of the upstreams of an instance. */
export interface ReadMetrics {
  /** The counts, without the times of errors. */
  readonly counts: readonly Omit<UpstreamCount, 'lastError'>[];
  /** The origins that are out of order. */
  readonly outOfOrder: readonly string[];
}

/** Reads what `formatUpstreamMetrics` wrote, among other metrics. */
export function parseUpstreamMetrics(text: string): ReadMetrics {
  const counts = new Map<
    string,
    { rule: string; upstream: string } & Record<(typeof COUNTERS)[number][0], number>
  >();
  const outOfOrder: string[] = [];
  for (const line of text.split('\n')) {
    const [, name = '', labels = '', value = ''] = /^(turnout_upstream_\w+)\{(.*)\} (\d+)$/.exec(line) ?? [];
    const { rule = '', upstream = '' } = parseLabels(labels);
    if (name === IN_ORDER && value === '0') outOfOrder.push(upstream);
    const [key] = COUNTERS.find(([, counter]) => counter === name) ?? [];
    if (!key) continue;
    const id = JSON.stringify([rule, upstream]);
    const count = counts.get(id) ?? {
      rule,
      upstream,
      requests: 0,
      errors: 0,
      refusals: 0,
      redirects: 0,
      trips: 0,
    };
    counts.set(id, { ...count, [key]: Number(value) });
  }
  return { counts: [...counts.values()], outOfOrder };
}

type Sample = readonly [labels: { readonly rule?: string; readonly upstream: string }, value: number];

function formatFamily(name: string, type: string, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(
    ([{ rule, upstream }, value]) =>
      `${name}{${rule === undefined ? '' : `rule=${quote(rule)},`}upstream=${quote(upstream)}} ${value}\n`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** Backslash, quote and line feed are escaped, and nothing else. */
function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [
      name,
      value.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char)),
    ]),
  );
}
