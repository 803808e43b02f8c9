/**
 * Install events: what a package reports once it has been installed, `POST /package-event/install`.
 *
 * @see https://github.com/scarf-sh/scarf-js
 * @module
 */
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Answer, Protocol } from '../core/protocol.ts';
import { mayCount, readEvents } from './_client-events.ts';

/** The report of an install: `/package-event/install`, `/package-event/install/<package>`. */
export interface InstallEvent {
  /** The kind of resource. */
  readonly type: 'install';
  /** The package, if the address has one. */
  readonly package?: string;
}

/** A request with another method. */
export interface InstallQuestion {
  /** The kind of resource. */
  readonly type: 'question';
  /** The package, if the address has one. */
  readonly package?: string;
}

/** Anything that is asked of this address. */
export type InstallResource = InstallEvent | InstallQuestion;

const PATH = /^\/package-event\/install(?:\/([\w.-]+))?$/;
const LIMITS = { bytes: 65_536, events: 1 };

/** The protocol of install events. */
export const installs: Protocol<InstallResource> = {
  name: 'installs',
  subjects: 'name',
  targetOptional: true,

  parse({ method, path }) {
    const found = PATH.exec(path);
    if (!found) return undefined;
    const type = method === 'POST' ? 'install' : 'question';
    return found[1] === undefined ? { type } : { type, package: found[1] };
  },

  format: (resource) =>
    `/package-event/install${resource.package === undefined ? '' : `/${resource.package}`}`,

  subject: (resource) => resource.package,

  deliver: ({ type }) => (type === 'install' ? { type: 'carry' } : { type: 'respond', answer: NOT_ALLOWED }),

  async carry(resource, _, tools): Promise<Answer> {
    const read = await readEvents(tools, LIMITS);
    if ('status' in read) return installs.refuse(read);
    const [event] = read.events;
    if (!event) return installs.refuse({ status: 400, message: 'Send a JSON object.' });
    const name = resource.package === undefined ? {} : { package: resource.package };
    if (mayCount(tools)) tools.report({ type: 'install', data: { ...event, ...name } });
    return TAKEN;
  },

  refuse: refusePlainly,

  usage: (subject, publicUrl) =>
    `curl -f --json '{"libraryType": "npm"}' '${publicUrl}/package-event/install/${subject}'`,
};

const NOT_ALLOWED = refusePlainly({
  status: 405,
  message: 'Installs are reported with POST.',
  headers: { allow: 'POST' },
});

const TAKEN: Answer = {
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: '{}',
};
