import type { CarriedAnswer, ClientReport, Lead, Protocol, Resource } from '../../src/core/protocol.ts';
import { contextOf, noTools } from './test-protocol.ts';

/** What a client sends. */
export interface Sent {
  /** Default `POST`. */
  readonly method?: string;
  readonly path: string;
  readonly query?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** What came of it. */
export interface Came {
  readonly status: number;
  readonly answer: CarriedAnswer;
  readonly reports: readonly ClientReport[];
}

/** Lets a protocol answer a request, and collects what it reports. */
export async function send<R extends Resource>(protocol: Protocol<R>, sent: Sent): Promise<Came> {
  const { method = 'POST', path, query, body = '', headers = {}, options = {} } = sent;
  const resource = protocol.parse({ method, path, query });
  if (!resource) throw new Error('not of this protocol');
  const reports: ClientReport[] = [];
  const size = new TextEncoder().encode(body).length;
  const made = await protocol.carry?.(
    resource,
    { ...contextOf('auto', undefined, method), options, accept: headers.accept },
    {
      ...noTools,
      field: (name) => headers[name],
      readBody: async (most) => (size > most ? undefined : body),
      report: (report) => void reports.push(report),
    },
  );
  if (!isAnswer(made)) throw new Error('no answer');
  return { status: made.status, answer: made, reports };
}

function isAnswer(made: CarriedAnswer | Lead | undefined): made is CarriedAnswer {
  return made !== undefined && 'body' in made;
}
