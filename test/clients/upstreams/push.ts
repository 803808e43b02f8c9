import type { Artifact, Content } from './artifact.ts';
import { digestOf } from './descriptor.ts';

/** Pushes an artifact over a registry's interface, with all that it leads to. */
export async function pushArtifact(
  origin: string,
  repository: string,
  reference: string,
  { mediaType, body, contents, children }: Artifact,
): Promise<void> {
  const base = `${origin}/v2/${repository}`;
  await Promise.all([
    ...contents.map((content) => pushBlob(base, content)),
    ...children.map((child) => pushArtifact(origin, repository, child.digest, child)),
  ]);
  const headers = { 'content-type': mediaType };
  await send(`${base}/manifests/${reference}`, { method: 'PUT', headers, body: new Uint8Array(body) });
}

/** Distribution specification, "POST then PUT". */
async function pushBlob(base: string, { body }: Content): Promise<void> {
  const { headers } = await send(`${base}/blobs/uploads/`, { method: 'POST' });
  const upload = new URL(headers.get('location') ?? '', base);
  upload.searchParams.set('digest', digestOf(body));
  await send(upload.href, { method: 'PUT', body: new Uint8Array(body) });
}

async function send(address: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(address, init);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${init.method} ${address}: ${answer.status} ${text}`);
  return answer;
}
