import type { RuleSet } from '../core/compile.ts';
import type { CompiledRule, CompiledUpstream } from '../core/compiled-rule.ts';
import { route } from '../core/decide.ts';
import type { ByteStream } from '../core/protocol.ts';
import { judge } from '../gateway/address.ts';
import { createGateway, type Gateway } from '../gateway/gateway.ts';
import type { GatewayResponse } from '../gateway/response.ts';
import { type Transport, UpstreamError } from '../gateway/transport.ts';
import { conceal } from './conceal.ts';
import { Doubt, Stop } from './finding.ts';

/** An upstream as clients of the gateway know it. */
export interface Side {
  /** The upstream's letter. */
  readonly label: 'A' | 'B';
  /** The address of the mount as clients know it, without a slash at its end. */
  readonly base: string;
  /**
   * Asks for a path below the mount, or an address below `base`, as a client does, redirects followed.
   *
   * @throws Doubt There is no answer.
   * @throws Stop Nothing more may be asked.
   */
  ask(path: string, asked?: Asked): Promise<Reply>;
}

/** How something is asked for. */
export interface Asked {
  /** The method. Default `GET`. */
  readonly method?: 'GET' | 'HEAD';
  /** The header fields by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer in the end. */
export interface Reply {
  /** The status. */
  readonly status: number;
  /** The header fields by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; read it to its end, or leave it. Throws `Doubt` where it breaks off. */
  readonly body: ByteStream;
  /** Leaves the body. */
  leave(): void;
}

/** How a side is asked. */
export interface Manners {
  /** Sends requests. */
  readonly transport: Transport;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** How long an answer, or the next piece of it, may take, in milliseconds. */
  readonly timeout: number;
  /** How long is waited at most when an upstream wants fewer requests, in milliseconds, each time. */
  readonly longestWait: number;
  /** How often is waited for one answer. */
  readonly waits: number;
  /** Allows one more request, or throws `Stop`. */
  readonly spend: (label: 'A' | 'B') => void;
  /** The `Authorization` of a client, for upstreams with `auth: client`. */
  readonly authorization?: string | undefined;
}

/** So many failures in a row are an upstream that is not there. */
const MOST_FAILURES = 20;
const MOST_HOPS = 10;

/** Makes the side of a rule set of which one rule leads to one upstream. */
export function createSide(label: 'A' | 'B', rules: RuleSet, name: string, manners: Manners): Side {
  const { rule, upstream } = find(rules, name);
  const { signal, timeout, longestWait, waits, spend, authorization } = manners;
  const host = hostOf(rule);
  const { origin } = new URL(`https://${host}`);
  const base = origin + rule.at.slice(0, -1);
  const reasons = new WeakMap<AbortSignal, string>();
  const statuses = new WeakMap<AbortSignal, number>();
  const underWay = new Set<() => void>();
  signal.addEventListener('abort', () => {
    for (const end of underWay) end();
  });
  let stopped: Stop | undefined;
  const transport: Transport = async (request) => {
    try {
      spend(label);
    } catch (error) {
      if (error instanceof Stop) stopped = error;
      throw error;
    }
    try {
      const response = await manners.transport(request);
      statuses.set(request.signal, response.status);
      return response;
    } catch (error) {
      if (error instanceof UpstreamError) reasons.set(request.signal, conceal(error.message));
      throw error;
    }
  };
  const gateway = createGateway(rules, { transport });
  let failures = 0;
  let pausedUntil = 0;

  return {
    label,
    base,
    async ask(path, asked = {}) {
      const target = path.startsWith(`${base}/`) ? path.slice(origin.length) : rule.at.slice(0, -1) + path;
      for (let attempt = 0; ; attempt++) {
        await pause(pausedUntil - Date.now(), underWay, signal);
        if (signal.aborted) throw new Stop('interrupted', 'It was interrupted.');
        if (stopped) throw stopped;
        const reply = await askOnce(target, asked);
        const wait = attempt < waits ? findWait(reply, attempt, longestWait) : undefined;
        if (wait === undefined) return reply;
        reply.leave();
        pausedUntil = Math.max(pausedUntil, Date.now() + wait);
      }
    },
  };

  async function askOnce(target: string, asked: Asked): Promise<Reply> {
    const patience = createPatience(underWay, timeout);
    try {
      const response = await follow({ gateway, transport, upstream, rules, rule }, target, asked, patience);
      failures = 0;
      // From here on it depends on who reads.
      patience.hold();
      return toReply(response, patience);
    } catch (error) {
      patience.end();
      if (signal.aborted) throw new Stop('interrupted', 'It was interrupted.');
      if (stopped) throw stopped;
      if (error instanceof Stop || (error instanceof Doubt && !(error instanceof NoAnswer))) throw error;
      if (++failures >= MOST_FAILURES) throw new Stop('unreachable', `${label} does not answer any more.`);
      throw new Doubt(`${label} ${patience.ranOut ? 'does not answer in time' : reasonOf(error, patience)}`);
    }
  }

  function reasonOf(error: unknown, patience: Patience): string {
    const reason = reasons.get(patience.signal) ?? (error instanceof Error ? conceal(error.message) : '');
    return `does not answer${reason === '' ? '' : `: ${reason.replace(/\.$/, '')}`}`;
  }

  function toReply({ status, headers, body }: GatewayResponse, patience: Patience): Reply {
    return {
      status,
      headers,
      body: read(body, patience),
      leave() {
        if (typeof body === 'string') patience.end();
        else void drain(body, patience);
      },
    };
  }

  async function* read(body: GatewayResponse['body'], patience: Patience): ByteStream {
    let whole = false;
    try {
      if (typeof body === 'string') yield new TextEncoder().encode(body);
      else {
        patience.start();
        for await (const chunk of body) {
          patience.hold();
          yield chunk;
          patience.start();
        }
      }
      whole = true;
    } catch {
      if (signal.aborted) throw new Stop('interrupted', 'It was interrupted.');
      throw new Doubt(`${label} breaks its answer off`);
    } finally {
      patience.end(!whole);
    }
  }

  interface Means {
    readonly gateway: Gateway;
    readonly transport: Transport;
    readonly upstream: CompiledUpstream;
    readonly rules: RuleSet;
    readonly rule: CompiledRule;
  }

  async function follow(
    means: Means,
    target: string,
    { method = 'GET', headers = {} }: Asked,
    patience: Patience,
  ): Promise<GatewayResponse> {
    let next = new URL(target, origin);
    let raw: string | undefined = target;
    for (let hop = 0; hop <= MOST_HOPS; hop++) {
      const response =
        next.origin === origin
          ? await askGateway(means, raw ?? next.pathname + next.search, method, headers, patience.signal)
          : await askDirectly(means, next, method, headers, patience.signal);
      const { location } = response.headers;
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response;
      if (!URL.canParse(location, next.href)) throw new Doubt(`${label} redirects to no address`);
      next = new URL(location, next.href);
      raw = undefined;
    }
    throw new Doubt(`${label} redirects more than ${MOST_HOPS} times`);
  }

  async function askGateway(
    { gateway, rules, rule }: Means,
    target: string,
    method: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<GatewayResponse> {
    const [path = '', query] = splitQuery(target);
    const descriptor = {
      method,
      scheme: 'https' as const,
      host,
      path,
      query,
      origin,
      headers: { 'user-agent': AGENT, ...headers, ...(authorization && { authorization }) },
    };
    const taken = route(rules, descriptor).rule?.name;
    if (taken !== undefined && taken !== rule.name) throw new Doubt(`the rule ${taken} takes it`);
    const { response } = await gateway.handle({ descriptor, signal });
    if (stopped) throw stopped;
    if (signal.aborted) throw new NoAnswer('');
    if (!response) throw new Doubt('no rule takes it');
    if ((response.status === 502 || response.status === 504) && reasons.has(signal)) {
      // The gateway's own words for what the transport has said.
      throw new NoAnswer(reasons.get(signal));
    }
    // A gateway makes one status of all that goes wrong behind it.
    const said = response.status === 502 ? (statuses.get(signal) ?? 0) : 0;
    return said >= 500 ? { ...response, status: said } : response;
  }

  async function askDirectly(
    { transport, upstream }: Means,
    url: URL,
    method: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<GatewayResponse> {
    const verdict = judge(url, upstream);
    if (verdict === 'refused')
      throw new Doubt(`${label} leads to ${url.host}, which the rule does not allow`);
    const response = await transport({
      method,
      origin: url.origin,
      path: url.pathname + url.search,
      headers: { 'user-agent': AGENT, ...headers },
      signal,
      guarded: verdict === 'guarded',
    });
    if (method !== 'HEAD') return response;
    response.discard();
    return { ...response, body: '' };
  }
}

const AGENT = 'turnout-verify';

/** A connection is worth so many bytes that nobody reads. */
const WORTH = 65_536;

/** Reads the rest of a short body, so that its connection serves on, and gives a long one up. */
async function drain(body: ByteStream, patience: Patience): Promise<void> {
  let length = 0;
  patience.start();
  try {
    for await (const chunk of body) {
      length += chunk.length;
      if (length > WORTH) break;
    }
  } catch {
    // Nobody waits for it.
  }
  patience.end(length > WORTH);
}

/** An upstream that gives no answer, which counts. */
class NoAnswer extends Doubt {}

function find(
  rules: RuleSet,
  name: string,
): { readonly rule: CompiledRule; readonly upstream: CompiledUpstream } {
  const rule = rules.rules.find((each) => each.name === name);
  const [upstream] = rule?.upstreams ?? [];
  if (!rule || !upstream) throw new TypeError(`There is no rule ${name} that leads anywhere.`);
  return { rule, upstream };
}

/** A host that the rule takes. */
function hostOf({ hosts: [host = 'verify.invalid'] }: CompiledRule): string {
  return host.startsWith('*.') ? `verify${host.slice(1)}` : host;
}

function splitQuery(target: string): readonly [path: string, query: string | undefined] {
  const mark = target.indexOf('?');
  return mark === -1 ? [target, undefined] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** How long an upstream wants to be left alone; `undefined` for not at all, or too long. */
function findWait({ status, headers }: Reply, attempt: number, longest: number): number | undefined {
  const after = headers['retry-after'];
  if (status !== 429 && !(status === 503 && after !== undefined)) return undefined;
  const wait = after === undefined ? 1000 * 2 ** attempt : readRetryAfter(after);
  return wait <= longest ? wait : undefined;
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function readRetryAfter(text: string): number {
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? 1000 : Math.max(0, wait);
}

function pause(duration: number, underWay: Set<() => void>, { aborted }: AbortSignal): Promise<void> {
  if (duration <= 0 || aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      underWay.delete(end);
      resolve();
    };
    const timer = setTimeout(end, duration);
    underWay.add(end);
  });
}

interface Patience {
  readonly signal: AbortSignal;
  readonly ranOut: boolean;
  /** Waits anew. */
  start(): void;
  /** Waits no longer, until it is started again. */
  hold(): void;
  /** Waits no longer; ends the request if it is to be given up. */
  end(giveUp?: boolean): void;
}

/** Ends a request when it takes too long, or when all that is under way is ended. */
function createPatience(underWay: Set<() => void>, duration: number): Patience {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let ranOut = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const start = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      ranOut = true;
      abort();
    }, duration);
  };
  underWay.add(abort);
  start();
  return {
    signal: controller.signal,
    get ranOut() {
      return ranOut;
    },
    start,
    hold: () => clearTimeout(timer),
    end(giveUp = false) {
      clearTimeout(timer);
      underWay.delete(abort);
      if (giveUp) abort();
    },
  };
}
