import { isObject, readJson } from '../core/json-document.ts';
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Answer, Lead, RuleContext, Tools, UpstreamDocument } from '../core/protocol.ts';
import { leaveDocument } from '../core/read-document.ts';
import { secondsOf } from './_forge-latest.ts';
import { decodeText } from './_forge-paths.ts';
import type {
  ForgeAsset,
  ForgeLatest,
  ForgeLatestAsset,
  ForgeRaw,
  ForgeResource,
} from './_forge-resources.ts';

/** The most that is read of what the API tells of a release, in bytes. */
const MOST = 8 * 1_048_576;

/** Whether GitHub's API has a resource at an address of its own that must be found out, or asked for in its own way. */
export function isApi(resource: ForgeResource): resource is ForgeAsset | ForgeLatestAsset | ForgeRaw {
  return resource.type === 'asset' || resource.type === 'latest-asset' || resource.type === 'raw';
}

/** Leads to a file as GitHub's API has it, which takes a token where the site takes none. */
export async function carryApi(
  resource: ForgeAsset | ForgeLatestAsset | ForgeRaw,
  context: RuleContext,
  tools: Tools,
): Promise<Answer | Lead> {
  // A client asks for anything at all, and would get a document about the file.
  const held = context.upstream?.authenticated && context.mode === 'auto';
  const lead = (url: string, accept: string): Lead => ({
    url,
    status: 302,
    asks: { accept },
    ...(!held && { delivery: 'stream' }),
  });
  const { project } = resource;
  if (resource.type === 'raw') {
    const { query: _, ...plain } = resource;
    const ref = resource.ref.replace(/^refs\/(?:heads|tags)\//, '').replace(/%2f/gi, '/');
    return lead(
      tools.locate({ ...plain, query: `ref=${ref.replace(/[&+#]/g, encodeURIComponent)}` } as ForgeRaw),
      RAW,
    );
  }
  const { query: _, ...plain } = resource;
  const asked = resource.type === 'asset' ? plain : ({ type: 'latest', project } as const);
  const key = `release ${resource.type === 'asset' ? `=${resource.tag}` : ''}`;
  const text = await tools.keep(key, secondsOf(context.options), async () =>
    JSON.stringify(await readAssets(await tools.fetch(asked, RELEASE))),
  );
  const found: unknown = JSON.parse(text);
  if (typeof found === 'number') {
    if (found !== 404) tools.forget(key);
    return refusePlainly({ status: found, message: REASONS[found] ?? 'There is no such release.' });
  }
  const name = decodeText(resource.file);
  const id = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  if (id === undefined) return refusePlainly({ status: 404, message: 'The release has no such file.' });
  const latest: ForgeLatest = { type: 'latest', project };
  const base = tools.locate(latest).replace(/\/latest$/, '');
  return lead(`${base}/assets/${String(id)}`, 'application/octet-stream');
}

const RAW = 'application/vnd.github.raw+json';
const RELEASE = { accept: 'application/vnd.github+json' };
const REASONS: Readonly<Record<number, string>> = {
  401: 'The host asks for a credential that it takes.',
  403: 'The host refuses this.',
};

/** The numbers of a release's files by their names; or the status that says why there are none. */
async function readAssets({ status, body }: UpstreamDocument): Promise<Record<string, number> | number> {
  if (status !== 200) {
    await leaveDocument(body);
    return status === 401 || status === 403 ? status : 404;
  }
  const release = await readJson(body, MOST);
  const assets = isObject(release) && Array.isArray(release.assets) ? release.assets : [];
  const entries = assets.flatMap((asset: unknown) =>
    isObject(asset) && typeof asset.name === 'string' && Number.isSafeInteger(asset.id)
      ? [[asset.name, Number(asset.id)] as const]
      : [],
  );
  return Object.fromEntries(entries);
}
