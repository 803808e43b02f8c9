/**
 * Telemetry: events that programs send as JSON.
 *
 * @see https://github.com/ndjson/ndjson-spec
 * @see https://www.rfc-editor.org/rfc/rfc6750
 * @module
 */
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Answer, Protocol, RuleContext, Tools } from '../core/protocol.ts';
import { mayCount, readEvents, readQuery } from './_client-events.ts';

/** Events that a client sends. */
export interface TelemetryEvents {
  /** The kind of resource. */
  readonly type: 'events';
  /** The path below the mount. */
  readonly path: string;
  /** The query, without its `?`. */
  readonly query?: string;
}

/** What a rule may say. */
interface TelemetryOptions {
  readonly tokens?: readonly string[];
  readonly maxBytes?: number;
  readonly maxEvents?: number;
}

const MAX_BYTES = 65_536;
const MAX_EVENTS = 100;

/** The protocol of telemetry. */
export const telemetry: Protocol<TelemetryEvents> = {
  name: 'telemetry',
  subjects: 'path',
  targetOptional: true,
  options: {
    tokens: {
      type: 'list',
      of: { type: 'text', pattern: /^[\w\-.~+/]+=*$/, expected: 'a token: letters, digits and `-._~+/`' },
      expected: 'a list of tokens',
      description:
        'The tokens of which a client must show one, as `Authorization: Bearer`. Anybody when left out.',
      examples: [['${TELEMETRY_TOKEN}']],
    },
    maxBytes: {
      type: 'number',
      least: 1,
      most: 16_777_216,
      expected: 'a number of bytes from 1 to 16777216',
      description: 'The most bytes of a body.',
      default: MAX_BYTES,
    },
    maxEvents: {
      type: 'number',
      least: 1,
      most: 100_000,
      expected: 'a number of events from 1 to 100000',
      description: 'The most events of a request.',
      default: MAX_EVENTS,
    },
  },

  parse({ method, path, query }) {
    if (method !== 'POST' || !path.startsWith('/')) return undefined;
    return query ? { type: 'events', path, query } : { type: 'events', path };
  },

  format: ({ path, query }) => (query ? `${path}?${query}` : path),

  subject: ({ path }) => path,

  deliver: () => ({ type: 'carry' }),

  async carry({ query }, { options }: RuleContext, tools): Promise<Answer> {
    const { tokens, maxBytes = MAX_BYTES, maxEvents = MAX_EVENTS } = options as TelemetryOptions;
    if (tokens && !shows(tokens, tools)) return UNAUTHORIZED;
    const read = await readEvents(tools, { bytes: maxBytes, events: maxEvents });
    if ('status' in read) return telemetry.refuse(read);
    const more = readQuery(query);
    if (mayCount(tools))
      for (const event of read.events) tools.report({ type: 'telemetry', data: { ...more, ...event } });
    return TAKEN;
  },

  refuse: refusePlainly,

  usage: (subject, publicUrl) => `curl -f --json '{"event": "start"}' '${publicUrl}${subject}'`,
};

const TAKEN: Answer = {
  status: 200,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  body: '',
};

const UNAUTHORIZED: Answer = refusePlainly({
  status: 401,
  message: 'Show one of the tokens of this rule, as `Authorization: Bearer <token>`.',
  headers: { 'www-authenticate': 'Bearer' },
});

function shows(tokens: readonly string[], tools: Tools): boolean {
  const [, shown] = /^Bearer +(\S+)\s*$/i.exec(tools.field('authorization') ?? '') ?? [];
  if (shown === undefined) return false;
  // Every token is looked at, so that the time tells nothing of them.
  return tokens.map((token) => isSame(shown, token)).includes(true);
}

/** Compares in a time that depends on the length of what is shown alone. */
function isSame(shown: string, token: string): boolean {
  let difference = shown.length ^ token.length;
  for (let at = 0; at < shown.length; at++)
    difference |= shown.charCodeAt(at) ^ token.charCodeAt(at % token.length);
  return difference === 0;
}
