import { readJsonStrings } from '../core/json-read.ts';
import type { Answer, Lead, Refusal, Resource, Tools, UpstreamDocument } from '../core/protocol.ts';
import { leaveDocument } from '../core/read-document.ts';
import { baseOf, fileOf, TARBALLS } from './_npm-documents.ts';

/** A tarball as its public address names it. */
interface Tarball {
  readonly name: string;
  readonly file: string;
}

/** How to ask for a package at the upstream, and how to refuse. */
interface Means {
  readonly packument: Resource;
  refuse(refusal: Refusal): Answer;
}

/** For how long it is remembered where a package's tarballs are, in seconds. */
const REMEMBERED = 300;
/** How often a file that nobody has may make the gateway read the package anew, in seconds. */
const ASKED_ANEW = 10;
/** The longest list of tarballs of one package, in characters; the largest packages have a tenth of it. */
const MOST = 8 * 1_048_576;

/** The abbreviated document suffices, and is a tenth of the full one ("package metadata", Accept). */
const ACCEPT = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';

/** Finds where the upstream has a tarball, as its own document of the package says. */
export async function findTarball(
  { name, file }: Tarball,
  tools: Tools,
  { packument, refuse }: Means,
): Promise<Answer | Lead> {
  const key = `tarballs ${name}`;
  let fresh = false;
  const read = () =>
    tools.keep(key, REMEMBERED, async () => {
      fresh = true;
      return listTarballs(await tools.fetch(packument, { accept: ACCEPT }), name);
    });
  let list = await read();
  let url = lookUp(list, file);
  if (url === undefined && !fresh && !isRefused(list)) {
    // The version may be younger than the list.
    await tools.keep(`again ${name}`, ASKED_ANEW, async () => {
      tools.forget(key);
      return '';
    });
    list = await read();
    url = lookUp(list, file);
  }
  if (url !== undefined) return { url, status: 302 };
  if (!isRefused(list)) return refuse({ status: 404, message: `The package ${name} has no file ${file}.` });
  tools.forget(key);
  const status = Number(list);
  return refuse({ status, message: `The registry answers ${status} for the package ${name}.` });
}

/** A list that is the status of a refusal instead. */
function isRefused(list: string): boolean {
  return /^4\d\d$/.test(list);
}

/** Where a file is: as the version that it is named after, or else by the name that the upstream has given it. */
function lookUp(list: string, file: string): string | undefined {
  const own = baseOf(file);
  const found = find(`\n=${own}\t`) ?? find(`\n~${own}\t`);
  return found === '' ? list.slice(0, list.indexOf('\n')) + own : found;

  function find(start: string): string | undefined {
    const at = list.indexOf(start);
    return at === -1 ? undefined : list.slice(at + start.length, list.indexOf('\n', at + start.length));
  }
}

/**
 * The tarballs of a package: in the first line the folder of most of them, then a line for each, with its address if it
 * is elsewhere, and one more for each whose file has another name. Or the status of a refusal.
 */
async function listTarballs({ status, url, body }: UpstreamDocument, name: string): Promise<string> {
  if (status !== 200) {
    await leaveDocument(body);
    if (status >= 400 && status < 500) return String(status);
    throw new Error(`${url} answers ${status}.`);
  }
  const lines = new Map<string, string>();
  let folder = '';
  let length = 0;
  await readJsonStrings(body, [TARBALLS], ([, version = ''], tarball) => {
    if (!URL.canParse(tarball, url)) return;
    const { href, pathname } = new URL(tarball, url);
    const file = fileOf(name, version);
    const called = pathname.slice(pathname.lastIndexOf('/') + 1);
    if (folder === '' && href.endsWith(`/${file}`)) folder = href.slice(0, -file.length);
    const address = href === folder + file ? '' : href;
    lines.set(`=${file}`, address);
    if (called !== file) lines.set(`~${called}`, href);
    length += address.length + file.length;
    if (length > MOST) throw new Error(`${name} has more tarballs than anybody.`);
  });
  return `${folder}\n${[...lines].map(([key, address]) => `${key}\t${address}\n`).join('')}`;
}
