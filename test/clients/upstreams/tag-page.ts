import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

interface TagList {
  readonly name: string;
  readonly tags: readonly string[];
}

/**
 * Answers with one page of a complete list of tags. As with some registries, the link to the next one is absolute and
 * has a cursor that says nothing to clients.
 */
export async function sendTagPage(
  request: IncomingMessage,
  complete: IncomingMessage,
  response: ServerResponse,
  size: number,
): Promise<void> {
  const { name, tags } = (await json(complete)) as TagList;
  const address = new URL(request.url ?? '/', `http://${request.headers.host}`);
  const rest = tags.toSorted().filter((tag) => tag > lastSeen(address.searchParams));
  const page = rest.slice(0, Math.min(size, Number(address.searchParams.get('n') ?? size)));

  response.setHeader('content-type', 'application/json');
  if (rest.length > page.length) {
    address.searchParams.delete('last');
    address.searchParams.set('cursor', Buffer.from(page.at(-1) ?? '').toString('base64'));
    response.setHeader('link', `<${address.href}>; rel="next"`);
  }
  response.end(JSON.stringify({ name, tags: page }));
}

function lastSeen(query: URLSearchParams): string {
  const cursor = query.get('cursor');
  return cursor === null ? (query.get('last') ?? '') : Buffer.from(cursor, 'base64').toString();
}
