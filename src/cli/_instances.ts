import { InvalidArgumentError } from 'commander';
import { parseUpstreamMetrics, type ReadMetrics } from './_upstream-metrics.ts';

/** How long an instance may take to answer, in milliseconds. */
const TIMEOUT = 3000;

/** What an instance says of itself. */
export interface InstanceState {
  /** Whether it wants requests. */
  readonly ready: boolean;
  /** The revision that it serves. */
  readonly revision: string;
  /** What is wrong with the rules as it last saw them. */
  readonly failure: string | undefined;
}

/** A `turnout serve` that runs, asked at its admin address. */
export interface Instance {
  /** The address. */
  readonly address: string;
  /**
   * Asks for its state.
   *
   * @throws Error It does not answer, or is something else.
   */
  readState(): Promise<InstanceState>;
  /** Asks for what became of requests; `undefined` when it does not say. */
  readMetrics(): Promise<ReadMetrics | undefined>;
}

/** Makes what asks an instance. */
export function createInstance(address: string): Instance {
  return {
    address,
    async readState() {
      const { status, text } = await get(`${address}/readyz`);
      const state = parseState(text);
      if (!state || (status !== 200 && status !== 503))
        throw new Error(`${address} is no admin address of turnout serve: its /readyz answers ${status}`);
      return { ...state, ready: status === 200 };
    },
    async readMetrics() {
      const answer = await get(`${address}/metrics`).catch(() => undefined);
      return answer?.status === 200 ? parseUpstreamMetrics(answer.text) : undefined;
    },
  };
}

async function get(url: string): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${new URL(url).origin} does not answer: ${reason}`, { cause: error });
  }
}

function parseState(text: string): Omit<InstanceState, 'ready'> | undefined {
  try {
    const { revision, failure }: Readonly<Record<string, unknown>> = JSON.parse(text);
    if (typeof revision !== 'string') return undefined;
    return { revision, failure: typeof failure === 'string' ? failure : undefined };
  } catch {
    return undefined;
  }
}

/** Reads `--instance`: an address, or a host and a port. */
export function readInstance(text: string, before: readonly Instance[]): readonly Instance[] {
  const address = /^https?:\/\//.test(text) ? text : `http://${text}`;
  if (!URL.canParse(address))
    throw new InvalidArgumentError('Write an admin address: http://127.0.0.1:9090.');
  const { origin, pathname, search } = new URL(address);
  if (pathname !== '/' || search !== '')
    throw new InvalidArgumentError('Write an admin address without a path: http://127.0.0.1:9090.');
  return [...before, createInstance(origin)];
}
