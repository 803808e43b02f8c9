import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { defineConfig, type Options } from 'tsup';

// A folder's index.ts is an entry, and so is every file of the plug-in families.
const entries = (paths: readonly string[]): Record<string, string> =>
  Object.fromEntries(paths.map((path) => [path.slice('src/'.length, -'.ts'.length), path]));

const filesOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((file) => /^[^_].*(?<!\.d)\.ts$/.test(file))
    .map((file) => `${folder}/${file}`);

const indexes = [...readdirSync('src'), 'gateway/credentials']
  .map((folder) => `src/${folder}/index.ts`)
  .filter((path) => existsSync(path));

const library = entries([
  'src/index.ts',
  'src/rules/regexp.ts',
  ...new Set([
    ...indexes,
    ...filesOf('src/protocols'),
    ...filesOf('src/adapters'),
    ...filesOf('src/rules/sources'),
  ]),
]);

/** Shared chunks keep one identity of each class, `RuleError` above all, per format. */
const shared: Options = {
  target: 'node20',
  splitting: true,
  removeNodeProtocol: false,
  silent: true,
  dts: { entry: library },
};

const config: ReturnType<typeof defineConfig> = defineConfig([
  {
    ...shared,
    format: 'esm',
    entry: { ...library, ...entries(['src/cli/turnout.ts']) },
    onSuccess: writeSchema,
  },
  { ...shared, format: 'cjs', entry: library },
]);

export default config;

/** Writes the JSON Schema that editors check a rule file against. */
async function writeSchema(): Promise<void> {
  const { ruleFileJsonSchema } = await import(pathToFileURL('dist/rules/index.js').href);
  await writeFile('dist/schema.json', `${JSON.stringify(ruleFileJsonSchema(), null, 2)}\n`);
}
