/**
 * A page of what a host has: files by platform, and how each of its rules is used.
 *
 * @module
 */

import type { OptionShape } from '../core/options.ts';
import { refusePlainly } from '../core/plain-refusal.ts';
import type { CarriedAnswer, Protocol } from '../core/protocol.ts';
import { type DownloadsOptions, readDownloads } from './_downloads-list.ts';
import { STYLE, writePage } from './_downloads-page.ts';
import { WEB_ADDRESS } from './_web-address.ts';

/** The page. */
export interface DownloadsPage {
  /** The kind of resource. */
  readonly type: 'page';
  /** Its form; without one, what the client reads. */
  readonly form?: 'html' | 'json';
}

const line = 'text in one line; put numbers in quotes';
const path = { type: 'text', pattern: /^\/[!-~]*$/, expected: 'a path that starts with a slash' } as const;

const options: OptionShape = {
  title: { type: 'text', expected: line, description: 'The title of the page.', default: 'Downloads' },
  description: {
    type: 'text',
    expected: line,
    description: 'What is downloaded here, in a sentence or two.',
  },
  items: {
    type: 'list',
    of: {
      type: 'record',
      keys: {
        title: { type: 'text', expected: line, description: 'What it is.', required: true },
        platforms: {
          type: 'list',
          of: { type: 'text', expected: 'a platform, such as `Linux x86-64`' },
          expected: 'a list of platforms, such as `[Linux x86-64]`',
          description: 'What it runs on.',
        },
        version: { type: 'text', expected: line, description: 'Its version.' },
        description: { type: 'text', expected: line, description: 'More about it.' },
        file: { ...path, description: 'Its path on this host.' },
        url: {
          type: 'text',
          pattern: WEB_ADDRESS,
          expected: 'an address with its scheme, such as `https://acme.example/cli`',
          description: 'Its address, when it is on another host.',
        },
        sha256: {
          type: 'text',
          pattern: /^[\da-f]{64}$/i,
          expected: 'the 64 hexadecimal digits of its SHA-256',
          description: 'Its SHA-256.',
        },
        install: { type: 'text', expected: line, description: 'A shell line that installs it.' },
        rule: { type: 'text', expected: 'the name of a rule', description: 'The rule whose notice it has.' },
      },
      expected: 'a mapping with `title`',
    },
    expected: 'a list of mappings with `title`',
    description: 'The files to offer, in their order.',
  },
  rules: {
    type: 'list',
    of: { type: 'text', expected: 'the name of a rule' },
    expected: 'a list of names of rules, or `[]` for none',
    description: 'The rules to show, in their order. Default every rule of the host.',
  },
};

/** The protocol of the downloads page. */
export const downloads: Protocol<DownloadsPage> = {
  name: 'downloads',
  subjects: 'path',
  targetOptional: true,
  options,

  parse({ method, path }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === '/') return { type: 'page' };
    if (path === '/index.html') return { type: 'page', form: 'html' };
    return path === '/index.json' ? { type: 'page', form: 'json' } : undefined;
  },

  format: ({ form }) => (form === undefined ? '/' : `/index.${form}`),

  subject: () => '/',

  deliver: () => ({ type: 'carry' }),

  async carry({ form }, context, tools) {
    const list = readDownloads(context.options as DownloadsOptions, context, tools.neighbours);
    const json = form === 'json' || (form === undefined && prefersJson(context.accept ?? ''));
    if (json) return answer('application/json', `${JSON.stringify(list, undefined, 2)}\n`, {});
    const page = writePage(list);
    return answer('text/html; charset=utf-8', page, {
      'content-security-policy': `default-src 'none'; style-src 'sha256-${await digest(STYLE)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'referrer-policy': 'no-referrer',
    });
  },

  refuse: refusePlainly,

  advise: () => 'A page of downloads leads nowhere; leave `to` out.',

  usage: (subject, publicUrl) => `curl -fL '${publicUrl}${subject}'`,
};

async function answer(
  type: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<CarriedAnswer> {
  const fields = {
    'content-type': type,
    // It may be another one with the next rule file.
    'cache-control': 'no-cache',
    etag: `"${(await digest(body)).slice(0, 27)}"`,
    vary: 'accept, user-agent',
    'x-content-type-options': 'nosniff',
  };
  return { status: 200, headers: { ...fields, ...headers }, body };
}

/** The SHA-256 of a text in Base64. */
async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...bytes));
}

/** Whether a client would rather read JSON than HTML (RFC 9110 §12.5.1); HTML for who takes anything. */
function prefersJson(accept: string): boolean {
  return qualityOf(accept, 'application/json') > qualityOf(accept, 'text/html');
}

function qualityOf(accept: string, type: string): number {
  const range = accept
    .toLowerCase()
    .split(',')
    .map((part) => part.trim())
    .find((part) => part === type || part.startsWith(`${type};`));
  if (range === undefined) return /\*\/\*/.test(accept) && type === 'text/html' ? 0.001 : 0;
  return Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1);
}
