import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

interface TagList {
  readonly name: string;
  readonly tags: readonly string[];
}

/** Answers with one page of a complete list of tags. As with some registries, the link to the next one is absolute. */
export async function sendTagPage(
  request: IncomingMessage,
  complete: IncomingMessage,
  response: ServerResponse,
  size: number,
): Promise<void> {
  const { name, tags } = (await json(complete)) as TagList;
  const address = new URL(request.url ?? '/', `http://${request.headers.host}`);
  const last = address.searchParams.get('last');
  const rest = last === null ? tags : tags.slice(tags.indexOf(last) + 1);
  const page = rest.slice(0, size);

  response.setHeader('content-type', 'application/json');
  if (rest.length > size) {
    address.searchParams.set('last', page.at(-1) ?? '');
    response.setHeader('link', `<${address.href}>; rel="next"`);
  }
  response.end(JSON.stringify({ name, tags: page }));
}
