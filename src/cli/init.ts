import { access, writeFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { isRuleError } from '../core/errors.ts';
import { parseRules } from '../rules/index.ts';
import { describeRules } from './_describe-rules.ts';
import { complain, fail, print } from './_output.ts';
import { findPreset, PRESETS, type Publication, writeRuleFile } from './_presets.ts';

interface InitOptions {
  readonly host?: string;
  readonly publish: readonly Publication[];
  readonly force?: boolean;
}

/** What was answered. */
interface Answers {
  readonly host: string;
  readonly publications: readonly Publication[];
}

/** Adds `turnout init`. */
export function addInit(program: Command): void {
  program
    .command('init')
    .description('Ask what you publish and where it lives today, and write a rule file.')
    .argument('[file]', 'the rule file', 'turnout.yaml')
    .option('--host <host>', 'the host that people use, such as get.acme.dev')
    .option(
      '--publish <what=where>',
      'what you publish and its address, such as images=ghcr.io/acme; may be repeated',
      readPublication,
      [],
    )
    .option('--force', 'write over a file that is there')
    .addHelpText(
      'after',
      `\nWhat can be published:\n${PRESETS.map(({ name, title, example }) => `  ${name.padEnd(10)} ${title}, such as ${example}`).join('\n')}\n\nWithout --publish it asks, on a terminal.`,
    )
    .action(init);
}

async function init(file: string, options: InitOptions): Promise<void> {
  try {
    if (!options.force && (await exists(file)))
      throw new Error(`${file} is there already; name another file, or write over it with --force.`);
    const answers = options.publish.length > 0 ? fromOptions(options) : await ask(options.host);
    if (!answers) return complain('Nothing was written.');
    const { host, publications } = answers;
    const content = writeRuleFile(host, publications);
    const rules = parseRules(content, { file });
    await writeFile(file, content, { flag: options.force ? 'w' : 'wx' });
    print(
      `${file} is written.`,
      '',
      ...describeRules(rules, `https://${host}`),
      '',
      `Try it: turnout serve ${file}`,
    );
  } catch (error) {
    if (isRuleError(error)) complain('turnout: with these answers the rules would not be right:');
    fail(error);
  }
}

function fromOptions({ host, publish }: InitOptions): Answers {
  if (host === undefined) throw new Error('Say which host people use, with --host get.acme.dev.');
  return { host, publications: publish };
}

/** Asks on the terminal; `undefined` when somebody thinks better of it. */
async function ask(known: string | undefined): Promise<Answers | undefined> {
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new Error('There is no terminal to ask on; say it with --host and --publish, see --help.');
  const { confirm, intro, isCancel, multiselect, outro, text } = await import('@clack/prompts');
  const askText = async (message: string, placeholder: string): Promise<string | undefined> => {
    const validate = (value = '') => (value.trim() ? undefined : 'Write it, or leave with Ctrl+C.');
    const answer = await text({ message, placeholder, validate });
    return isCancel(answer) ? undefined : answer.trim();
  };
  intro('Your address stays; what is behind it moves with one line.');
  const host = known ?? (await askText('Which host do people use?', 'get.acme.dev'));
  if (host === undefined) return undefined;
  const names = await multiselect({
    message: 'What do you publish?',
    options: PRESETS.map(({ name, title }) => ({ value: name, label: title })),
  });
  if (isCancel(names)) return undefined;
  const publications: Publication[] = [];
  for (const name of names) {
    const preset = findPreset(name);
    const address = preset && (await askText(`Where does it live today? ${preset.title}`, preset.example));
    if (!preset || address === undefined) return undefined;
    publications.push({ preset, address });
  }
  const agreed = await confirm({ message: 'Write the rule file?' });
  if (isCancel(agreed) || !agreed) return undefined;
  outro('Change a line `to` while it is served, and nobody notices.');
  return { host, publications };
}

function readPublication(argument: string, before: readonly Publication[]): readonly Publication[] {
  const [, name = '', address = ''] = /^([^=]*)=(.+)$/.exec(argument) ?? [];
  const preset = findPreset(name);
  if (!preset || address === '') {
    const names = PRESETS.map((each) => each.name).join(', ');
    throw new InvalidArgumentError(`Write what=where, such as images=ghcr.io/acme; there is ${names}.`);
  }
  return [...before, { preset, address }];
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}
