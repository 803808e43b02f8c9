import { createServer, type Server } from 'node:http';
import type { SourceState } from '../rules/index.ts';
import type { UpstreamCounts } from './_upstream-counts.ts';
import { formatUpstreamMetrics } from './_upstream-metrics.ts';

/** What the admin address tells. */
export interface AdminState {
  /** Whether the program has been asked to end. */
  readonly draining: boolean;
  /** What is wrong with the rules as they are now where they come from; those of before serve. */
  readonly failure: string | undefined;
  /** The revision that serves. */
  readonly revision: string;
  /** The number of rules that serve. */
  readonly rules: number;
  /** Where they come from. */
  readonly name: string;
  /** Whether that is in order. */
  readonly source: SourceState;
  /** What becomes of requests at the upstreams. */
  readonly counts: Pick<UpstreamCounts, 'list' | 'listHealth'>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Makes the server of `/healthz` (the program runs), `/readyz` (send it requests) and `/metrics`. */
export function createAdmin(read: () => AdminState): Server {
  return createServer((request, response) => {
    const { status, type, body } = answer(request.url?.split('?', 1)[0], read());
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(body);
  });
}

function answer(path: string | undefined, state: AdminState): Answer {
  switch (path) {
    case '/healthz':
      return toJson(200, describe(state));
    case '/readyz':
      return toJson(state.draining ? 503 : 200, describe(state));
    case '/metrics':
      return {
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: formatMetrics(state) + formatUpstreamMetrics(state.counts),
      };
  }
  return toJson(404, { error: 'There are /healthz, /readyz and /metrics here.' });
}

function toJson(status: number, data: object): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(data)}\n` };
}

function describe({ draining, failure, revision, rules, name, source }: AdminState): object {
  const { ok, since, lastSuccess, lastError, acceptedAt, from } = source;
  const status = draining ? 'draining' : ok ? 'ok' : 'degraded';
  return {
    status,
    draining,
    failure,
    revision,
    rules,
    source: { name, ok, since, lastSuccess, lastError: lastError?.message, acceptedAt, from },
  };
}

/**
 * Formats what Prometheus reads.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
function formatMetrics({ revision, rules, source }: AdminState): string {
  const { ok, lastSuccess, acceptedAt } = source;
  const seconds = (time: Date | undefined): number => (time?.getTime() ?? 0) / 1000;
  const gauges: readonly (readonly [name: string, labels: string, value: number, help: string])[] = [
    ['turnout_rules', '', rules, 'The number of rules that serve.'],
    ['turnout_rules_revision', `{revision="${revision}"}`, 1, 'The revision of the rules that serve.'],
    ['turnout_rules_last_reload_success', '', ok ? 1 : 0, 'Whether what was last seen of the rules serves.'],
    [
      'turnout_rules_last_reload_timestamp_seconds',
      '',
      seconds(acceptedAt),
      'When the rules that serve came into force.',
    ],
    [
      'turnout_rules_last_seen_timestamp_seconds',
      '',
      seconds(lastSuccess),
      'When the source of the rules was last seen in order; 0 for never.',
    ],
  ];
  return gauges
    .map(
      ([name, labels, value, help]) =>
        `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name}${labels} ${value}\n`,
    )
    .join('');
}
