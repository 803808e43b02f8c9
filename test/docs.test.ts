import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { build, transformSync } from 'esbuild';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

import manifest from '../package.json' with { type: 'json' };
import { addCheck } from '../src/cli/check.ts';
import { addDiff } from '../src/cli/diff.ts';
import { addExplain } from '../src/cli/explain.ts';
import { addImport } from '../src/cli/import.ts';
import { addInit } from '../src/cli/init.ts';
import { addReplay } from '../src/cli/replay.ts';
import { addRollback } from '../src/cli/rollback.ts';
import { addRules } from '../src/cli/rules.ts';
import { addServe } from '../src/cli/serve.ts';
import { addSwitch } from '../src/cli/switch.ts';
import { addVerify } from '../src/cli/verify.ts';
import { ISSUE_CODES, isRuleError, type Protocol } from '../src/index.ts';
import { knownRegistries } from '../src/protocols/_oci-registries.ts';
import { parseRules, ruleFileJsonSchema } from '../src/rules/index.ts';
import { regexp } from '../src/rules/regexp.ts';
import { testProtocol } from './protocols/test-protocol.ts';

/** A block of code in a page. */
interface Example {
  /** Where it stands, for a title: `docs/rules.md:7`. */
  readonly where: string;
  readonly page: string;
  /** The heading of second order above it. */
  readonly section: string;
  readonly language: string;
  /** What follows the language: `error`, or the file that the code is. */
  readonly note: string;
  readonly code: string;
}

const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md') && !path.startsWith('api/'))
  .map((path) => join('docs', path));
const pages = [...docs, 'README.md', 'CONTRIBUTING.md', 'SECURITY.md'];
const texts = new Map(pages.map((page) => [page, readFileSync(page, 'utf8')]));
const examples = pages.flatMap(readExamples);
const ruleFiles = examples.filter(({ language, code }) => language === 'yaml' && /^rules:/m.test(code));

function read(page: string): string {
  return texts.get(page) ?? '';
}

function readExamples(page: string): Example[] {
  const text = read(page);
  return [...text.matchAll(/^( *)```(\w+)(?: ([^\n]+))?\n(.*?)^\1```$/gms)].map((match) => {
    const [, indent = '', language = '', note = '', code = ''] = match;
    const before = text.slice(0, match.index);
    return {
      where: `${page}:${before.split('\n').length}`,
      page,
      section: before.split(/^## /m).at(-1)?.split('\n', 1)[0] ?? '',
      language,
      note,
      code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    };
  });
}

describe('a rule file in the docs', () => {
  test.each(ruleFiles.filter(({ note }) => note !== 'error'))('is right: $where', ({ code }) => {
    expect(codesOf(code, variablesOf(code))).toEqual([]);
  });

  test.each(ruleFiles.filter(({ note }) => note === 'error'))(
    'is wrong in the way that it is meant to show: $where',
    ({ code, section }) => {
      const env = section === 'missing_variable' ? {} : variablesOf(code);
      expect(codesOf(code, env, section !== 'command_not_allowed')).toEqual([section]);
    },
  );
});

/** The codes of everything that is wrong with a rule file, or doubtful. */
function codesOf(text: string, env: Readonly<Record<string, string>>, commands = true): readonly string[] {
  try {
    return parseRules(text, { file: 'turnout.yaml', env, commands, regexp }).warnings.map(({ code }) => code);
  } catch (error) {
    if (!isRuleError(error)) throw error;
    return error.issues.map(({ code }) => code);
  }
}

/** A value for each variable of a rule file, which does as an address and as a secret. */
function variablesOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'registry.example']));
}

test('every code of an issue has its section, with an example', () => {
  const headings = [...read('docs/errors.md').matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([...ISSUE_CODES]);
  const shown = ruleFiles.filter(({ page, note }) => page === 'docs/errors.md' && note === 'error');
  expect(shown.map(({ section }) => section)).toEqual([...ISSUE_CODES]);
});

test('every registry that is known has its row', () => {
  const page = read('docs/protocols/oci.md');
  for (const { name, wants, blobs } of knownRegistries) {
    const row =
      page
        .split('\n')
        .find((line) => line.startsWith(`| ${name} |`))
        ?.split('|') ?? [];
    const wish = { nothing: 'nothing', token: 'a token', credential: 'there are none' }[wants];
    const hosts = blobs.length > 0 ? blobs.map((host) => `\`${host}\``).join(', ') : 'itself';
    expect([row[3]?.trim(), row[4]?.trim()], name).toEqual([wish, hosts]);
  }
});

test('every key of a rule has its row', () => {
  const { $defs } = ruleFileJsonSchema() as { $defs: { rule: { properties: object } } };
  const table = /^## Keys$(.*?)^## /ms.exec(read('docs/rules.md'))?.[1] ?? '';
  const rows = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key);
  expect(rows.toSorted()).toEqual(Object.keys($defs.rule.properties).toSorted());
});

describe('the program', () => {
  const program = new Command();
  const adds = [
    addInit,
    addServe,
    addCheck,
    addExplain,
    addImport,
    addRules,
    addSwitch,
    addRollback,
    addDiff,
    addReplay,
    addVerify,
  ];
  for (const add of adds) add(program);
  const commands = program.commands.flatMap((command) =>
    command.commands.length === 0
      ? [{ name: command.name(), command }]
      : command.commands.map((each) => ({ name: `${command.name()} ${each.name()}`, command: each })),
  );
  const sections = read('docs/cli.md')
    .split(/^## turnout /m)
    .slice(1);

  test('has the commands that its page has', () => {
    const names = sections.map((section) => section.slice(0, section.indexOf('\n')));
    expect(names).toEqual(commands.map(({ name }) => name));
  });

  test.each(commands.map(({ name, command }, index) => [name, command, index] as const))(
    'has the options of %s that its page has',
    (_, command, index) => {
      const rows = [...(sections[index] ?? '').matchAll(/^\| `(-.+?)` \|/gm)].map(([, flags]) => flags);
      expect(rows).toEqual(command.options.map(({ flags }) => flags));
    },
  );
});

describe('a link', () => {
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?![a-z]+:)([^)]*)\)/g)].map(([, target = '']) => ({ page, target })),
  );

  test.each(links)('leads somewhere: $target in $page', ({ page, target }) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    expect(existsSync(file), file).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(readFileSync(file, 'utf8'))).toContain(anchor);
  });
});

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** The source of each public entry, by what is imported. */
const entries: Readonly<Record<string, string[]>> = Object.fromEntries(
  Object.entries<unknown>(manifest.exports).flatMap(([entry, value]) => {
    const types = (value as { import?: { types?: string } } | null)?.import?.types;
    if (types === undefined) return [];
    return [[entry.replace('.', 'turnout'), [types.replace('./dist/', './src/').replace('.d.ts', '.ts')]]];
  }),
);

test('examples of TypeScript are right', { timeout: 60_000 }, () => {
  const files = new Map<string, Example>();
  // A test is run, which says more; its types bring those of Vitest with them.
  for (const example of examples.filter(({ language, note }) => language === 'ts' && !/^test\//.test(note))) {
    files.set(resolve(example.note || `test/example-${files.size}.ts`), example);
  }
  const program = createProgram(files);
  const problems = [...files].flatMap(([path, { where, page }]) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
      .filter(({ code }) => page !== 'README.md' || !LEFT_OUT.includes(code))
      .map(({ messageText }) => `${where}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  });
  expect(problems).toEqual([]);
});

/** The README's sketches leave out what goes without saying: "Cannot find name". */
const LEFT_OUT: readonly number[] = [2304, 2552];

/** Makes a program of examples as if they were files of this repository. */
function createProgram(files: ReadonlyMap<string, Example>): ts.Program {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
  const own = { isolatedDeclarations: false, declaration: false, baseUrl: resolve('.'), paths: entries };
  const all = { ...options, ...own };
  const host = ts.createCompilerHost(all);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path)?.code ?? readFile(path);
  return ts.createProgram([...files.keys()], all, host);
}

describe('the protocol of docs/writing-a-protocol.md', async () => {
  const [source, cases] = ['src/protocols/hackage.ts', 'test/protocols/hackage.test.ts'].map(
    (file) => examples.find(({ note }) => note === file)?.code ?? '',
  );
  const hackage = await importProtocol(source ?? '');
  const { code } = transformSync((cases ?? '').replaceAll(/^import .*$/gm, ''), { loader: 'ts' });
  new Function('testProtocol', 'hackage', code)(testProtocol, hackage);
});

/** Bundles the source of a protocol that imports from `turnout`, and runs it. */
async function importProtocol(contents: string): Promise<Protocol> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: '.', loader: 'ts' },
    alias: { turnout: resolve('src/index.ts') },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
  });
  const module: { readonly hackage: Protocol } = await import(
    `data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`
  );
  return module.hackage;
}
