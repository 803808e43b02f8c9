import { Parser } from 'htmlparser2';
import { compareFile, findExistence } from './existence.ts';
import { Doubt, differs, type Finding, missing } from './finding.ts';
import { type Check, eachName, type Inventory, type Task, tell, withDoubts } from './inventory.ts';
import { readOwn, readText } from './read.ts';

/** Maven repositories: the versions of artifacts, and of each version its POM, its jar and their checksums. */
export const maven: Inventory = {
  name: 'maven',
  names: 'artifacts, `dev.acme:cli`',

  nameOf(path) {
    const [, group = '', artifact, version = '', file = ''] =
      /^\/(.+)\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (artifact === undefined || !file.startsWith(`${artifact}-${version}`)) return undefined;
    return `${group.replaceAll('/', '.')}:${artifact}`;
  },

  list: (task) => eachName(task, 'artifact', listArtifact),
};

async function* listArtifact(task: Task, name: string): AsyncGenerator<Check, void, undefined> {
  const [group = '', artifact] = name.split(':');
  if (artifact === undefined) throw new Doubt('it is no artifact, write group:artifact');
  const folder = `/${group.replaceAll('.', '/')}/${artifact}`;
  const own = parseMetadata(await readOwn(task.a, `${folder}/maven-metadata.xml`));
  const text = await readText(task.b, `${folder}/maven-metadata.xml`);
  if (text === undefined) {
    yield tell(name, missing(name, 'maven-metadata.xml'));
    return;
  }
  const other = parseMetadata(text);
  yield { name, path: `${folder}/maven-metadata.xml`, run: () => compareMetadata(name, own, other) };
  for (const version of own.versions) {
    const called = `${name}:${version}`;
    const path = `${folder}/${version}/${artifact}-${version}`;
    const there = other.versions.includes(version);
    const compare = () => compareVersion(task, called, path, there);
    yield { name: called, path: `${path}.jar`, run: () => withDoubts(called, 'version', compare) };
  }
}

interface Metadata {
  readonly versions: readonly string[];
  readonly latest: string;
  readonly release: string;
}

async function* compareMetadata(
  name: string,
  own: Metadata,
  other: Metadata,
): AsyncGenerator<Finding, void, undefined> {
  for (const field of ['latest', 'release'] as const)
    if (own[field] !== other[field]) yield differs(name, field, own[field], other[field]);
}

async function* compareVersion(
  task: Task,
  name: string,
  path: string,
  there: boolean,
): AsyncGenerator<Finding, void, undefined> {
  if (!there) {
    yield missing(name, 'version');
    return;
  }
  for (const extension of ['pom', 'jar', 'module']) {
    const file = `${path}.${extension}`;
    if ((await findExistence(task.a, file)).type !== 'there') continue;
    yield* compareFile(task, { name, what: extension, path: file });
    const [own, other] = [await readText(task.a, `${file}.sha1`), await readText(task.b, `${file}.sha1`)];
    if (own !== undefined && digestOf(own) !== digestOf(other))
      yield differs(name, `${extension}.sha1`, digestOf(own), digestOf(other));
  }
}

/** Some write the file's name behind it. */
function digestOf(text = ''): string {
  return text.trim().split(/\s/, 1)[0]?.toLowerCase() ?? '';
}

function parseMetadata(text: string): Metadata {
  const versions: string[] = [];
  const found = { latest: '', release: '' };
  let piece = '';
  let inVersions = false;
  const parser = new Parser(
    {
      onopentag(tag) {
        piece = '';
        if (tag === 'versions') inVersions = true;
      },
      ontext(part) {
        piece += part;
      },
      onclosetag(tag) {
        if (tag === 'versions') inVersions = false;
        if (tag === 'version' && inVersions) versions.push(piece.trim());
        if (tag === 'latest' || tag === 'release') found[tag] = piece.trim();
        piece = '';
      },
    },
    { xmlMode: true },
  );
  parser.end(text);
  return { versions, ...found };
}
