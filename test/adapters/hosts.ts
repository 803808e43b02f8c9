import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import express from 'express';
import express4 from 'express4';

import { toExpressMiddleware } from '../../src/adapters/express.ts';
import { toFetchHandler } from '../../src/adapters/fetch.ts';
import { type AdapterOptions, toNodeHandler } from '../../src/adapters/node.ts';
import type { RuleSet } from '../../src/core/compile.ts';

/** The status with which the application behind Turnout answers whatever comes to it. */
export const APPLICATION = 299;

/** What puts rules behind a server, and whether an application follows. */
export interface Host {
  readonly name: string;
  readonly embedded: boolean;
  /** Whether requests come as those of the Fetch standard, whose addresses are mended. */
  readonly mends: boolean;
  create(rules: RuleSet, options?: AdapterOptions): RequestListener;
}

const application = (_: IncomingMessage, response: ServerResponse): void =>
  void response.writeHead(APPLICATION).end('app');

function createExpress(make: typeof express, rules: RuleSet, options?: AdapterOptions): RequestListener {
  const app = make();
  app.use(toExpressMiddleware(rules, options));
  app.use(application);
  return app;
}

/** Every adapter, alone and in front of an application. */
export const hosts: readonly Host[] = [
  {
    name: 'node:http',
    embedded: false,
    mends: false,
    create: (rules, options) => toNodeHandler(rules, options),
  },
  {
    name: 'node:http in front of an application',
    embedded: true,
    mends: false,
    create: (rules, options) => toNodeHandler(rules, { ...options, next: application }),
  },
  {
    name: 'Express 5',
    embedded: true,
    mends: false,
    create: (rules, options) => createExpress(express, rules, options),
  },
  {
    name: 'Express 4',
    embedded: true,
    mends: false,
    create: (rules, options) => createExpress(express4, rules, options),
  },
  {
    name: 'fetch',
    embedded: false,
    mends: true,
    create: (rules, options) => bridge(toFetchHandler(rules, options as object)),
  },
  {
    name: 'fetch in front of an application',
    embedded: true,
    mends: true,
    create: (rules, options) =>
      bridge(
        toFetchHandler(rules, {
          ...(options as object),
          next: () => new Response('app', { status: APPLICATION }),
        }),
      ),
  },
];

/** A handler of the Fetch standard on a server of Node, as servers of that kind do it. */
function bridge(handle: (request: Request) => Promise<Response>): RequestListener {
  return async (incoming, outgoing) => {
    const abort = new AbortController();
    outgoing.once('close', () => abort.abort());
    try {
      const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
        method: incoming.method ?? 'GET',
        headers: incoming.headers as Record<string, string>,
        signal: abort.signal,
      });
      const response = await handle(request);
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      if (!response.body) return void outgoing.end();
      Readable.fromWeb(response.body as never)
        .on('error', () => outgoing.destroy())
        .pipe(outgoing);
    } catch {
      outgoing.writeHead(400).end();
    }
  };
}
