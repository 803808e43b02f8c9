import type { RequestDescriptor } from '../core/request.ts';
import { single } from './fields.ts';
import type { GatewayResponse } from './response.ts';

/** What a 304 has of the fields of the answer that it stands for (RFC 9110 §15.4.5). */
const KEPT = ['cache-control', 'content-location', 'date', 'etag', 'expires', 'vary', 'warning'];

/** An answer that was made here, or 304 for a client that says it has it: when it has an entity tag. */
export function answerConditionally(
  response: GatewayResponse,
  { method, headers }: Pick<RequestDescriptor, 'method' | 'headers'>,
): GatewayResponse {
  const { etag } = response.headers;
  const condition = single(headers?.['if-none-match']);
  const conditional = method === 'GET' || method === 'HEAD';
  if (etag === undefined || condition === undefined || !conditional || response.status !== 200)
    return response;
  if (!matches(condition, etag)) return response;
  const kept = KEPT.flatMap((name) => {
    const value = response.headers[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { status: 304, headers: Object.fromEntries(kept), body: '' };
}

/** RFC 9110 §13.1.2, by weak comparison. */
function matches(condition: string, etag: string): boolean {
  if (condition.trim() === '*') return true;
  const opaque = etag.replace(/^W\//, '');
  return [...condition.matchAll(/"[\x21\x23-\x7e]*"/g)].some(([tag]) => tag === opaque);
}
