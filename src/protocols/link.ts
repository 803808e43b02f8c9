/**
 * Short links: names of one's own for addresses that a rule lists.
 *
 * @module
 */

import type { Options } from '../core/options.ts';
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Protocol } from '../core/protocol.ts';
import { WEB_ADDRESS } from './_web-address.ts';

/** A name to follow: `/docs`, `/team/chat`. */
export interface Link {
  /** The kind of resource. */
  readonly type: 'link';
  /** The name, as the bytes of the path. */
  readonly name: string;
}

const NAME = /^\/([^/]+(?:\/[^/]+)*)\/?$/;
// A name that a request can have: no empty segment, none of dots, and no query.
const WRITTEN = /^(?!\.{1,2}(?:\/|$))[^/?#]+(?:\/(?!\.{1,2}(?:\/|$))[^/?#]+)*$/;

/** The protocol of short links. */
export const link: Protocol<Link> = {
  name: 'link',
  subjects: 'name',
  general: true,
  targetOptional: true,
  options: {
    links: {
      type: 'map',
      names: {
        pattern: WRITTEN,
        expected: 'a path without a slash at its ends, such as `docs` or `team/chat`',
      },
      of: {
        type: 'text',
        pattern: WEB_ADDRESS,
        expected:
          'an address with its scheme, such as `https://docs.acme.example/start`, and what is not ASCII percent-encoded',
      },
      expected: 'a mapping of names to addresses, such as `{ docs: "https://docs.acme.example" }`',
      description: 'Where each name leads.',
      required: true,
      examples: [{ docs: 'https://docs.acme.example', 'team/chat': 'https://chat.acme.example/join' }],
    },
  },

  parse({ method, path }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const name = NAME.exec(path)?.[1];
    return name === undefined ? undefined : { type: 'link', name };
  },

  format: ({ name }) => `/${name}`,

  subject: ({ name }) => name,

  patterns(options) {
    const names = Object.keys(linksOf(options)).filter((name) => WRITTEN.test(name));
    return names.length === 0 ? undefined : names.map(escapePattern);
  },

  takes: ({ name }, options) => find(name, options) !== undefined,

  deliver({ name }, { options }) {
    const to = find(name, options);
    if (to !== undefined) return { type: 'redirect', status: 302, to };
    return { type: 'respond', answer: refusePlainly({ status: 404, message: 'No link has this name.' }) };
  },

  refuse: refusePlainly,

  advise: () => 'A rule of links leads where its `links` say, and nowhere else; leave `to` out.',

  usage: (subject, publicUrl) => `curl -fL '${publicUrl}/${subject}'`,
};

function linksOf({ links }: Options): Readonly<Record<string, string>> {
  return typeof links === 'object' && links !== null ? (links as Readonly<Record<string, string>>) : {};
}

/** The address of a name, which a rule may have written with letters beyond ASCII. */
function find(name: string, options: Options): string | undefined {
  const links = linksOf(options);
  if (Object.hasOwn(links, name)) return links[name];
  const written = name.includes('%') ? decode(name) : name;
  return Object.hasOwn(links, written) ? links[written] : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A name as a pattern that stands for itself. */
function escapePattern(name: string): string {
  return name.replace(/[()[\]{}+!?:*\\]/g, '\\$&');
}
