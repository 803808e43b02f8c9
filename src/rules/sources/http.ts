/**
 * Rules at an HTTP address. Needs `fetch` and nothing of Node, so that it runs where a Worker does.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13 Conditional requests
 * @module
 */
import type { Protocol } from '../../core/protocol.ts';
import type { RuleSource } from '../../core/rule-source.ts';
import type { Environment } from '../expand.ts';
import { createLiveSet, type LiveSet, type SourceHooks } from '../live-set.ts';
import { type ParseOptions, parseRules } from '../parse.ts';
import type { RuleStore, SourceState, StoredText, StoreRead } from '../store.ts';
import { reasonOf } from './_chain.ts';
import { collectText } from './_text.ts';

export type { RuleStore, SourceState } from '../store.ts';

/** Options of `httpRules`. */
export interface HttpRulesOptions {
  /** Is sent as `Authorization: Bearer`, to the origin of the address alone. */
  readonly token?: string | undefined;
  /** Is sent with the password as `Authorization: Basic`. */
  readonly username?: string | undefined;
  /** The password. */
  readonly password?: string | undefined;
  /** What sends the requests. Default the `fetch` of the platform. */
  readonly fetch?: typeof fetch | undefined;
}

/**
 * Makes a store of an HTTP address, for `loadRules`.
 *
 * It is asked with `If-None-Match` or `If-Modified-Since`, so that a look costs a 304. Redirects are followed, but not
 * from https to http. It cannot be written to.
 *
 * @throws TypeError It is no http(s) address.
 */
export function httpRules(address: string, options: HttpRulesOptions = {}): RuleStore {
  const { href, name, authorization } = readAddress(address, options);
  const send = options.fetch ?? fetch;
  return {
    name,
    async read({ known, signal }) {
      const headers = { accept: '*/*', ...authorization, ...conditionsOf(known) };
      const response = await send(href, { headers, signal }).catch((error: unknown) => {
        throw new Error(`\`${name}\` cannot be fetched: ${reasonOf(error)}.`, { cause: error });
      });
      try {
        return await readAnswer(response, { name, href, known });
      } finally {
        // What is left unread would hold the connection.
        if (response.body && !response.bodyUsed) response.body.cancel().catch(() => {});
      }
    },
    close() {},
  };
}

/** Options of `pollRules`. */
export interface PollOptions extends HttpRulesOptions, SourceHooks {
  /** How old the last look may be, in milliseconds. Default 1000. */
  readonly poll?: number | undefined;
  /** How long the address or store may take to answer, in milliseconds. Default 10,000. */
  readonly timeout?: number | undefined;
  /** The variables that `${NAME}` stands for. Default none. */
  readonly env?: Environment | undefined;
  /** The protocols that rules may name. Default every protocol of this package. */
  readonly protocols?: readonly Protocol[] | undefined;
  /** What reads regular expressions (`syntax: regexp`): `regexp` of `turnout/regexp`. Default none may be. */
  readonly regexp?: ParseOptions['regexp'];
}

/** The rules of an address or a store, looked at when a request comes. */
export interface PolledRules extends RuleSource {
  /** The first twelve hexadecimal digits of the SHA-256 of the text in force. */
  readonly revision: string | undefined;
  /** Whether the address or store is in order, and since when. */
  readonly state: SourceState;
  /**
   * Sees to it that there are rules, and looks at their place again when the last look is older than `poll`. Only while
   * there are none yet does it wait; else `background` is given the look, such as a Worker's `waitUntil`.
   *
   * @throws RuleError With every mistake in the text, while there are no rules yet.
   * @throws Error The address or store cannot be read, while there are no rules yet.
   */
  refresh(background?: (look: Promise<unknown>) => void): Promise<void>;
}

/**
 * Makes rules of an HTTP address, or of a store such as a Worker's KV, for a host that runs only while it has requests:
 * no timers, no file system, and no promise of one request that another would wait for.
 *
 * `current` throws before the first `refresh` has ended.
 *
 * @throws TypeError It is no http(s) address.
 */
export function pollRules(from: string | RuleStore, options: PollOptions = {}): PolledRules {
  const { poll = 1000, timeout = 10_000, env, protocols, regexp, ...hooks } = options;
  const store = typeof from === 'string' ? httpRules(from, options) : from;
  const { name } = store;
  const parse = (text: string) => parseRules(text, { file: name, env, protocols, regexp });
  const set = createLiveSet(store, { ...hooks, timeout, parse });
  let looked = Number.NEGATIVE_INFINITY;
  let busyUntil = Number.NEGATIVE_INFINITY;

  async function look(): Promise<Error | undefined> {
    // A request that ends may take its look with it, which then never ends.
    busyUntil = Date.now() + timeout;
    const { error } = await set.look();
    looked = Date.now();
    busyUntil = Number.NEGATIVE_INFINITY;
    return error;
  }

  return {
    get current() {
      return inForce(set, name).ruleSet;
    },
    get revision() {
      return set.inForce?.revision;
    },
    get state() {
      return set.state;
    },
    async refresh(background) {
      const now = Date.now();
      if (!set.inForce) {
        const error = await look();
        if (error && !set.inForce) throw error;
      } else if (now - looked >= poll && now >= busyUntil) {
        const running = look();
        background?.(running);
      }
    },
  };
}

function inForce(set: LiveSet, name: string): NonNullable<LiveSet['inForce']> {
  if (set.inForce) return set.inForce;
  throw new Error(`The rules of \`${name}\` have not been fetched yet; call \`refresh\` first.`);
}

/** Reads an address, and takes what is secret out of its name. */
function readAddress(address: string, { token, username, password = '' }: HttpRulesOptions) {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new TypeError(`\`${address}\` is not an http(s) address.`);
  const user = username ?? decodeURIComponent(url.username);
  const secret = username === undefined ? decodeURIComponent(url.password) : password;
  url.username = '';
  url.password = '';
  url.hash = '';
  const name = url.origin + url.pathname + (url.search && '?…');
  return { href: url.href, name, authorization: authorize(token, user, secret) };
}

function authorize(
  token: string | undefined,
  user: string,
  password: string,
): Readonly<Record<string, string>> {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (user === '') return {};
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}

async function readAnswer(
  response: Response,
  { name, href, known }: { readonly name: string; readonly href: string } & Pick<StoreRead, 'known'>,
): Promise<StoredText | undefined> {
  const { status, headers, body, url } = response;
  if (href.startsWith('https:') && url.startsWith('http:')) {
    throw new Error(`\`${name}\` leads from https to http, where anybody could change the rules.`);
  }
  if (status === 304 && known !== undefined) return undefined;
  if (status !== 200) throw new Error(`\`${name}\` answers ${status}.`);
  const text = body ? await collectText(iterate(body), name) : '';
  return { text, version: versionOf(headers) };
}

/** Readable streams are iterable in few runtimes yet. */
async function* iterate(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The validators of an answer (RFC 9110, section 8.8). */
function versionOf(headers: Headers): string | undefined {
  const [tag, modified] = [headers.get('etag'), headers.get('last-modified')];
  return tag === null && modified === null ? undefined : JSON.stringify([tag, modified]);
}

function conditionsOf(version: string | undefined): Readonly<Record<string, string>> {
  if (version === undefined) return {};
  const [tag, modified] = JSON.parse(version) as readonly (string | null)[];
  if (tag) return { 'if-none-match': tag };
  return modified ? { 'if-modified-since': modified } : {};
}
