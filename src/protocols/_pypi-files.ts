import type { Answer, ByteStream, Lead, Refusal, Tools } from '../core/protocol.ts';
import { leaveDocument } from '../core/read-document.ts';
import { readPage } from './_pypi-pages.ts';

/** A file as its public address names it. */
interface FileOfProject {
  readonly project: string;
  readonly file: string;
  /** What beside the file is meant. */
  readonly side?: 'metadata' | 'asc' | 'provenance';
}

/** Where the page of the project is, and how to refuse. */
interface Means {
  readonly page: string;
  refuse(refusal: Refusal): Answer;
}

/** For how long it is remembered where a project's files are, in seconds. */
const REMEMBERED = 300;
/** How often a file that nobody has may make the gateway read the page anew, in seconds. */
const ASKED_ANEW = 10;
/** The longest page that is read, in bytes; the largest projects have a tenth of it. */
const MOST = 64 * 1_048_576;

/** What an index has only in HTML is read too (PEP 691, "Version + Format Selection"). */
const ACCEPT =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';

/** Finds where the upstream has a file, as its own page of the project says. */
export async function findFile(
  { project, file, side }: FileOfProject,
  tools: Tools,
  { page, refuse }: Means,
): Promise<Answer | Lead> {
  const key = `files ${project}`;
  for (let again = true; ; again = false) {
    let fresh = false;
    const list = await tools.keep(key, REMEMBERED, async () => {
      fresh = true;
      return listFiles(tools, page);
    });
    if (/^4\d\d$/.test(list)) {
      tools.forget(key);
      return refuse(toRefusal(Number(list), project));
    }
    const url = lookUp(list, side === 'provenance' ? `${file}.provenance` : file);
    if (url !== undefined)
      return { url: side === 'metadata' || side === 'asc' ? beside(url, side) : url, status: 302 };
    if (fresh || !again || !(await mayAskAnew(tools, project)))
      return refuse({ status: 404, message: `The index has no file ${file} of ${project}.` });
    tools.forget(key);
  }
}

/** PEP 658 and PEP 503: what is beside a file has these letters at the end of its name; a query stays where it is. */
function beside(url: string, side: string): string {
  const address = new URL(url);
  address.pathname += `.${side}`;
  return address.href;
}

function toRefusal(status: number, project: string): Refusal {
  if (status === 401 || status === 403)
    return { status, message: `The index answers ${status} for ${project}.` };
  return { status: 404, message: `The index has no project ${project}.` };
}

async function mayAskAnew(tools: Tools, project: string): Promise<boolean> {
  let first = false;
  await tools.keep(`again ${project}`, ASKED_ANEW, async () => {
    first = true;
    return '';
  });
  return first;
}

/** The files of a project, a line for each: its name and its address. Or the status of a refusal. */
async function listFiles(tools: Tools, page: string): Promise<string> {
  const document = await tools.fetchAt(page, { accept: ACCEPT });
  const { status, url, body } = document;
  if (status !== 200) {
    await leaveDocument(body);
    if (status >= 400 && status < 500) return String(status);
    throw new Error(`${url} answers ${status}.`);
  }
  const files = new Map<string, string>();
  await readPage({ ...document, body: limit(body) }, (name, address) => {
    if (!files.has(name)) files.set(name, address);
  });
  return `\n${[...files].map(([name, address]) => `${name}\t${address}\n`).join('')}`;
}

function lookUp(list: string, name: string): string | undefined {
  const start = `\n${name}\t`;
  const at = list.indexOf(start);
  return at === -1 ? undefined : list.slice(at + start.length, list.indexOf('\n', at + start.length));
}

async function* limit(body: ByteStream): ByteStream {
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MOST) throw new Error(`The page of a project is longer than ${MOST} bytes.`);
    yield chunk;
  }
}
