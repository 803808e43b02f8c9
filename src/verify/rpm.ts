import { Parser } from 'htmlparser2';
import type { Side } from './ask.ts';
import { compareFile } from './existence.ts';
import { Doubt, differs, type Finding, missing } from './finding.ts';
import { type Check, eachName, type Inventory, type Task, tell, withDoubts } from './inventory.ts';
import { openList, readOwn, readText } from './read.ts';

/** Repositories of RPM packages: what repomd.xml says of each list, and every package that the primary one has. */
export const rpm: Inventory = {
  name: 'rpm',
  names: 'the folders of repositories, `/fedora/42/x86_64`, or `/`',

  nameOf: (path) => /^(.*)\/repodata\/repomd\.xml$/.exec(path)?.[1],

  list: (task) => eachName(task, 'repository', listRepository),
};

/** A list as repomd.xml has it. */
interface Data {
  readonly location: string;
  readonly checksum: string;
  readonly size: number | undefined;
}

async function* listRepository(task: Task, name: string): AsyncGenerator<Check, void, undefined> {
  const folder = name.replace(/^\/*/, '/').replace(/\/+$/, '');
  const path = `${folder}/repodata/repomd.xml`;
  const own = parseRepomd(await readOwn(task.a, path));
  const text = await readText(task.b, path);
  if (text === undefined) {
    yield tell(name, missing(name, 'repomd.xml'));
    return;
  }
  const others = parseRepomd(text);
  for (const [type, data] of own) {
    const called = `${name} ${type}`;
    const where = `${folder}/${data.location}`;
    const compare = () => compareData(task, called, where, data, others.get(type));
    yield { name: called, path: where, run: () => withDoubts(called, 'list', compare) };
  }
  const primary = own.get('primary');
  if (!primary) throw new Doubt('A has no list of packages');
  for await (const { location, size } of readPrimary(task.a, `${folder}/${primary.location}`)) {
    const called = `${name} ${location.slice(location.lastIndexOf('/') + 1)}`;
    const path = `${folder}/${encodeURI(location)}`;
    const compare = () => compareFile(task, { name: called, what: 'package', path, size });
    yield { name: `${name} ${location}`, path, run: () => withDoubts(called, 'package', compare) };
  }
}

async function* compareData(
  task: Task,
  name: string,
  path: string,
  own: Data,
  other: Data | undefined,
): AsyncGenerator<Finding, void, undefined> {
  if (!other) yield missing(name, 'list');
  else if (other.checksum !== own.checksum) yield differs(name, 'checksum', own.checksum, other.checksum);
  else yield* compareFile(task, { name, what: 'list', path, size: own.size });
}

function parseRepomd(text: string): ReadonlyMap<string, Data> {
  const found = new Map<string, Data>();
  let type = '';
  let location = '';
  const parser = createXml({
    begin(tag, { type: of = '', href = '' }) {
      if (tag === 'data') type = of;
      if (tag === 'location') location = href;
    },
    end(tag, texts) {
      if (tag !== 'data') return;
      const size = texts.get('size');
      const checksum = texts.get('checksum') ?? '';
      found.set(type, { location, checksum, size: size === undefined ? undefined : Number(size) });
      texts.clear();
    },
  });
  parser.end(text);
  return found;
}

interface Package {
  readonly location: string;
  readonly size: number | undefined;
}

/** Reads the packages of a primary list as it streams. */
async function* readPrimary(side: Side, path: string): AsyncGenerator<Package, void, undefined> {
  if (!/\.(?:xml|gz)$/.test(path))
    throw new Doubt('A has its list of packages in a form that is not read here');
  const body = await openList(side, path);
  if (!body) throw new Doubt(`A has no ${path}`);
  let ready: Package[] = [];
  let location = '';
  let size: number | undefined;
  const parser = createXml({
    begin(tag, attributes) {
      if (tag === 'location') location = attributes.href ?? '';
      if (tag === 'size') size = Number(attributes.package);
    },
    end(tag, texts) {
      if (tag !== 'package') return;
      ready.push({ location, size });
      texts.clear();
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    parser.write(decoder.decode(chunk, { stream: true }));
    yield* ready;
    ready = [];
  }
  parser.end();
  yield* ready;
}

interface XmlHandlers {
  begin(tag: string, attributes: Readonly<Record<string, string>>): void;
  end(tag: string, texts: Map<string, string>): void;
}

/** Only short texts are kept: those of checksums and sizes. */
function createXml({ begin, end }: XmlHandlers): Parser {
  const texts = new Map<string, string>();
  let text = '';
  return new Parser(
    {
      onopentag(tag, attributes) {
        text = '';
        begin(tag, attributes);
      },
      ontext(piece) {
        if (text.length < 1000) text += piece;
      },
      onclosetag(tag) {
        if (tag === 'checksum' || tag === 'size') texts.set(tag, text.trim());
        text = '';
        end(tag, texts);
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
}
