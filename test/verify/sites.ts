import { createHash } from 'node:crypto';
import { compileRules } from '../../src/core/compile.ts';
import type { Protocol } from '../../src/core/protocol.ts';
import type { RuleConfig } from '../../src/core/rule.ts';
import { rule } from '../../src/core/rule.ts';
import type { Transport, UpstreamRequest, UpstreamResponse } from '../../src/gateway/transport.ts';
import { UpstreamError } from '../../src/gateway/transport.ts';
import { file } from '../../src/protocols/file.ts';
import {
  type Checked,
  type Ending,
  type Finding,
  splitRules,
  type VerifyOptions,
  verify,
} from '../../src/verify/index.ts';

/** What a site has at a path: a body, or a whole answer. */
export type Page = string | Uint8Array | Answer;

/** An answer of a site. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Whether the connection ends before the body does. */
  readonly broken?: boolean;
}

/** The pages of a site by their paths; the query does not count unless it is written. */
export type Pages = Readonly<Record<string, Page>>;

/** Answers in the place of a site; `hang` for never, `refuse` for a connection that is refused. */
export type Site = (
  request: Pick<UpstreamRequest, 'method' | 'path' | 'headers'>,
) => Answer | 'hang' | 'refuse';

/** The SHA-256 of a text, in hexadecimal digits. */
export function hashOf(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A site of pages: with lengths, ranges and HEAD, as any server of files. */
export function siteOf(pages: Pages): Site {
  return ({ method, path, headers }) => {
    const page = pages[path] ?? pages[path.split('?', 1)[0] ?? ''];
    if (page === undefined) return { status: 404, body: 'Nothing is here.' };
    const answer: Answer = typeof page === 'string' || page instanceof Uint8Array ? { body: page } : page;
    const bytes = Buffer.from(answer.body ?? '');
    const length = { 'content-length': String(bytes.length) };
    if (headers.range === 'bytes=0-0' && answer.status === undefined && method === 'GET')
      return { status: 206, headers: { ...length, 'content-length': '1' }, body: bytes.subarray(0, 1) };
    return { status: answer.status ?? 200, headers: { ...length, ...answer.headers }, body: bytes };
  };
}

/** A transport to sites by their origins, without sockets. */
export function transportTo(sites: Readonly<Record<string, Site>>): Transport {
  return async (request) => {
    const answer = sites[request.origin]?.(request) ?? 'refuse';
    if (answer === 'refuse') throw new UpstreamError(`${request.origin}: connect ECONNREFUSED`, 502);
    if (answer === 'hang')
      return new Promise((_, reject) =>
        request.signal.addEventListener('abort', () => reject(request.signal.reason)),
      );
    return toResponse(answer, request.method);
  };
}

function toResponse(
  { status = 200, headers = {}, body = '', broken }: Answer,
  method: string,
): UpstreamResponse {
  async function* stream() {
    if (method !== 'HEAD') yield Buffer.from(body);
    if (broken) throw new Error('socket hang up');
  }
  return { status, headers, body: stream(), discard() {} };
}

/** What a test verifies. */
export interface Verification extends Partial<Omit<VerifyOptions, 'a' | 'b' | 'rule'>> {
  readonly protocol?: Protocol;
  readonly config?: RuleConfig;
  readonly a: Site;
  readonly b: Site;
  readonly others?: Readonly<Record<string, Site>>;
}

/** What came of it. */
export interface Verified {
  readonly checked: readonly Checked[];
  readonly findings: readonly Finding[];
  /** The findings, each as `type name: what`. */
  readonly told: readonly string[];
  readonly ending: Ending;
}

/** The two rule sets of a verification. */
export function rulesOf({
  protocol = file as Protocol,
  config = {},
}: Pick<Verification, 'protocol' | 'config'>): Pick<VerifyOptions, 'a' | 'b' | 'rule'> {
  const own = rule(protocol, {
    name: 'acme',
    host: 'get.acme.dev',
    to: ['https://a.example', 'https://b.example'],
    ...config,
  });
  const split = splitRules([own], 'acme');
  return { a: compileRules(split.a), b: compileRules(split.b), rule: 'acme' };
}

/** Verifies two sites. */
export async function verifySites(verification: Verification): Promise<Verified> {
  const { a, b, others, protocol, config, ...options } = verification;
  const transport = transportTo({ 'https://a.example': a, 'https://b.example': b, ...others });
  const running = verify({
    transport,
    timeout: 2000,
    longestWait: 50,
    ...options,
    ...rulesOf({ ...(protocol && { protocol }), ...(config && { config }) }),
  });
  const checked: Checked[] = [];
  for (;;) {
    const step = await running.next();
    if (step.done) {
      const findings = checked.flatMap((each) => each.findings);
      return { checked, findings, told: findings.map(tellShortly).toSorted(), ending: step.value };
    }
    checked.push(step.value);
  }
}

function tellShortly({ type, name, what }: Finding): string {
  return `${type} ${name}: ${what}`;
}
