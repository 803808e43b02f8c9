import type { RuleSet } from '../core/compile.ts';
import { route } from '../core/decide.ts';
import { hostIn } from '../core/outcome.ts';
import type { RequestDescriptor } from '../core/request.ts';
import { judge } from '../gateway/address.ts';
import { selectRequestFields } from '../gateway/fields.ts';
import { createGateway } from '../gateway/gateway.ts';
import type { GatewayResponse } from '../gateway/response.ts';
import type { Transport } from '../gateway/transport.ts';
import { type Conceal, hideQuery } from './_conceal.ts';

/** A request of a chain, and what became of it. */
export interface ChainStep {
  /** Who asked: the gateway an upstream, or the client the gateway, or where it was sent. */
  readonly by: 'client' | 'gateway';
  /** The method. */
  readonly method: string;
  /** The address, without what may be secret in its query. */
  readonly url: string;
  /** The status; `undefined` when there was no answer. */
  readonly status?: number;
  /** The fields of the answer that matter, by lower-case name. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Why there was no answer. */
  readonly problem?: string;
}

/** The most redirects that a client is followed. */
const MOST_HOPS = 10;

/** How long all of it may take, in milliseconds. */
const TIMEOUT = 60_000;

/** What a client, or whoever looks for a fault, reads of an answer; no field that has a secret in it. */
const FIELDS = [
  'content-type',
  'content-length',
  'content-encoding',
  'location',
  'etag',
  'last-modified',
  'cache-control',
  'docker-content-digest',
  'docker-distribution-api-version',
  'link',
  'retry-after',
  'warning',
  'www-authenticate',
  'x-checksum-sha256',
];

/** What a chain is asked with. */
export interface FollowTools {
  /** The rules. */
  readonly rules: RuleSet;
  /** Sends requests; it looks itself at what addresses that are guarded lead to. */
  readonly transport: Transport;
  /** Hides what is secret. */
  readonly conceal: Conceal;
}

/**
 * Asks as a client would, through a gateway with these rules, and follows where it is sent, ten times at most; no body is
 * read. An address that an upstream chose is judged as the gateway judges it.
 */
export async function followChain(
  tools: FollowTools,
  request: RequestDescriptor,
): Promise<readonly ChainStep[]> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new Error(`--follow asks with GET and HEAD alone, never with ${request.method}.`);
  const show: Show = {
    address: (address) => tools.conceal(hideQuery(address, request.query)),
    text: tools.conceal,
  };
  const steps: ChainStep[] = [];
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(new Error('no answer in time')), TIMEOUT);
  const askHere = createAskHere(tools, steps, show, ending.signal);
  const askAway = createAskAway(tools, request, ending.signal);
  try {
    let url: string | undefined = addressOf(request);
    for (let hop = 0; url !== undefined; hop++) {
      const step = { by: 'client', method: request.method, url: show.address(url) } as const;
      const answer: Reply =
        hop > MOST_HOPS
          ? { problem: `more than ${MOST_HOPS} redirects` }
          : hop === 0
            ? await askHere(request)
            : hostIn(url) === request.host.toLowerCase()
              ? await askHere(withAddress(request, new URL(url)))
              : await askAway(new URL(url));
      if ('problem' in answer) steps.push({ ...step, problem: show.text(answer.problem) });
      else steps.push({ ...step, status: answer.status, fields: pickFields(answer.headers, show) });
      url = 'problem' in answer ? undefined : findNext(answer, url);
    }
    return steps;
  } finally {
    clearTimeout(timer);
    ending.abort(new Error('enough is known'));
  }
}

/** Hides what is secret in an address, or in another text. */
interface Show {
  readonly address: Conceal;
  readonly text: Conceal;
}

/** An answer without its body, or why there is none. */
type Reply = Pick<GatewayResponse, 'status' | 'headers'> | { readonly problem: string };

function addressOf({ scheme, host, path, query }: RequestDescriptor): string {
  return `${scheme}://${host}${path}${query === undefined ? '' : `?${query}`}`;
}

function withAddress(request: RequestDescriptor, { pathname, search }: URL): RequestDescriptor {
  return { ...request, path: pathname, query: search === '' ? undefined : search.slice(1) };
}

/** Where an answer sends the client. */
function findNext(
  { status, headers }: Pick<GatewayResponse, 'status' | 'headers'>,
  from: string,
): string | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  return URL.canParse(location, from) ? new URL(location, from).href : undefined;
}

/** Makes what asks the gateway. */
function createAskHere(
  { rules, transport }: FollowTools,
  steps: ChainStep[],
  show: Show,
  signal: AbortSignal,
): (descriptor: RequestDescriptor) => Promise<Reply> {
  const gateway = createGateway(rules, { transport: recording(transport, steps, show) });
  return async (descriptor) => {
    const { decision, response } = await gateway.handle({ descriptor, signal });
    if (response) return response;
    return decision.type === 'pass' ? gateway.refuse(descriptor) : { problem: 'no answer in time' };
  };
}

/** Makes what asks where the client was sent; an address that no rule names is judged, and must turn out to be public. */
function createAskAway(
  { rules, transport }: FollowTools,
  request: RequestDescriptor,
  signal: AbortSignal,
): (url: URL) => Promise<Reply> {
  const { decision, upstream } = route(rules, request, { now: Date.now(), isFit: () => true });
  const named = new Set(rules.rules.flatMap((rule) => rule.upstreams.map(({ origin }) => origin)));
  if (decision.type === 'redirect' && URL.canParse(decision.location))
    named.add(new URL(decision.location).origin);
  const leader = upstream ?? { origin: 'https://public.invalid', allow: [] };
  return async (url) => {
    const verdict = named.has(url.origin) ? 'named' : judge(url, leader);
    if (verdict === 'refused')
      return { problem: 'not asked, since the address is not public, and no rule allows it' };
    try {
      const { status, headers, discard } = await transport({
        method: request.method,
        origin: url.origin,
        path: url.pathname + url.search,
        headers: selectRequestFields(request.headers),
        signal,
        guarded: verdict === 'guarded',
      });
      discard();
      return { status, headers };
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  };
}

/** A transport that notes what the gateway asks. */
function recording(transport: Transport, steps: ChainStep[], show: Show): Transport {
  return async (request) => {
    const url = show.address(request.origin + request.path);
    const step = { by: 'gateway', method: request.method, url } as const;
    try {
      const response = await transport(request);
      steps.push({ ...step, status: response.status, fields: pickFields(response.headers, show) });
      return response;
    } catch (error) {
      steps.push({ ...step, problem: show.text(error instanceof Error ? error.message : String(error)) });
      throw error;
    }
  };
}

function pickFields(headers: GatewayResponse['headers'], show: Show): Record<string, string> {
  return Object.fromEntries(
    FIELDS.flatMap((name) => {
      const value = headers[name];
      if (value === undefined) return [];
      return [[name, name === 'location' || name === 'link' ? show.address(value) : show.text(value)]];
    }),
  );
}
