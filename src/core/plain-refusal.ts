import type { Answer, Refusal } from './protocol.ts';

/** A refusal as plain text, for clients that print what they are sent. */
export function refusePlainly({ status, message, headers }: Refusal): Answer {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
    body: `${message}\n`,
  };
}

/** A refusal of every method that changes something, where nothing but reading is possible. */
export function refuseWriting(message: string): Answer {
  return refusePlainly({ status: 405, message, headers: { allow: 'GET, HEAD' } });
}
