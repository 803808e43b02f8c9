import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { credentialOf } from '../../src/core/credential.ts';
import { isRuleError } from '../../src/core/errors.ts';
import { type LiveRules, type LoadOptions, loadRules } from '../../src/rules/index.ts';

const folder = mkdtempSync(join(realpathSync(tmpdir()), 'turnout-rules-'));
afterAll(() => rmSync(folder, { recursive: true }));

const deaf = vi.hoisted(() => ({ folders: [] as string[] }));
vi.mock('node:fs', async (load) => {
  const fs = await load<typeof import('node:fs')>();
  const watch = (path: string, ...rest: [{ persistent: boolean }, () => void]) => {
    if (deaf.folders.includes(path)) throw new Error('ENOSPC: no space left on device, watch');
    return fs.watch(path, ...rest);
  };
  return { ...fs, watch };
});

let count = 0;
/** A folder of its own for a test. */
function makeFolder(): string {
  const path = join(folder, String(count++));
  mkdirSync(path);
  return path;
}

/** A rule file with one rule, which leads to this host. */
const rulesTo = (host: string): string => `rules:\n  - protocol: file\n    to: ${host}\n`;
const hostOf = ({ current }: LiveRules): string | undefined => current.rules[0]?.upstreams[0]?.host;
const eventually = { timeout: 4000, interval: 10 };

describe('loading', () => {
  test('gives the rules and the revision of a file', async () => {
    const path = join(makeFolder(), 'turnout.yaml');
    writeFileSync(path, rulesTo('a.example'));
    const source = await loadRules(path);
    expect(hostOf(source)).toBe('a.example');
    const digest = createHash('sha256').update(rulesTo('a.example')).digest('hex');
    expect(source.revision).toBe(digest.slice(0, 12));
    source.close();
  });

  test('takes variables from the environment of the process, unless it is given another', async () => {
    const path = join(makeFolder(), 'turnout.yaml');
    writeFileSync(path, rulesTo('${TURNOUT_TEST_HOST}'));
    vi.stubEnv('TURNOUT_TEST_HOST', 'a.example');
    expect(hostOf(await loadRules(path))).toBe('a.example');
    expect(hostOf(await loadRules(path, { env: { TURNOUT_TEST_HOST: 'b.example' } }))).toBe('b.example');
    await expect(loadRules(path, { env: {} })).rejects.toThrow(`${path}:3:9 missing_variable`);
    vi.unstubAllEnvs();
  });

  test('lets the rules of a file run programs, and keeps what was fetched over a change of others', async () => {
    const path = join(makeFolder(), 'turnout.yaml');
    const text = 'rules:\n  - protocol: oci\n    to: a.example\n    auth: { command: [print-token] }\n';
    writeFileSync(path, text);
    const { current } = await loadRules(path);
    writeFileSync(path, `${text}  - { protocol: file, to: b.example }\n`);
    const { current: changed } = await loadRules(path);
    const [before, after] = [current, changed].map(({ rules }) => rules[0]?.upstreams[0]);
    expect(before && typeof credentialOf(before)).toBe('function');
    expect(after && credentialOf(after)).toBe(before && credentialOf(before));
  });

  test('says which file cannot be read and why', async () => {
    const path = makeFolder();
    await expect(loadRules(join(path, 'none.yaml'))).rejects.toThrow(
      `\`${join(path, 'none.yaml')}\` cannot be read: ENOENT`,
    );
    await expect(loadRules(path)).rejects.toThrow('cannot be read: EISDIR');
  });

  test.each([
    ['not UTF-8', Buffer.from('\uFEFFrules: []', 'utf16le'), 'The file is not UTF-8 text'],
    ['too large', Buffer.alloc(16 * 1024 * 1024 + 1, ' '), 'more than 16 MiB'],
  ])('refuses a file that is %s', async (_, bytes, message) => {
    const path = join(makeFolder(), 'turnout.yaml');
    writeFileSync(path, bytes);
    const error = await loadRules(path).catch((reason: unknown) => reason);
    expect(isRuleError(error) && error.issues).toMatchObject([
      {
        code: 'invalid_syntax',
        message: expect.stringContaining(message),
        position: { file: path, line: 1, column: 1 },
      },
    ]);
  });
});

/** Watches a new file, and collects what it is told. */
async function watchNew(
  options: LoadOptions = {},
  path: string = join(makeFolder(), 'turnout.yaml'),
  text: string = rulesTo('a.example'),
) {
  writeFileSync(path, text);
  const reloads: string[] = [];
  const errors: Error[] = [];
  const source = await loadRules(path, {
    watch: true,
    onReload: (_, revision) => reloads.push(revision),
    onError: (error) => errors.push(error),
    ...options,
  });
  return { path, source, reloads, errors };
}

describe.concurrent('a watched file', () => {
  test('that is written to', async () => {
    const { path, source, reloads, errors } = await watchNew();
    const before = source.revision;
    writeFileSync(path, rulesTo('b.example'));
    await vi.waitFor(() => expect(hostOf(source)).toBe('b.example'), eventually);
    expect(source.revision).not.toBe(before);
    expect(reloads).toEqual([source.revision]);
    expect(errors).toEqual([]);
    source.close();
  });

  test('that another is renamed to', async () => {
    const { path, source } = await watchNew();
    for (const host of ['b.example', 'c.example']) {
      writeFileSync(`${path}~`, rulesTo(host));
      renameSync(`${path}~`, path);
      await vi.waitFor(() => expect(hostOf(source)).toBe(host), eventually);
    }
    source.close();
  });

  test('in a ConfigMap, whose folder is swapped behind two links', async () => {
    const path = makeFolder();
    const publish = (name: string) => {
      mkdirSync(join(path, name));
      writeFileSync(join(path, name, 'turnout.yaml'), rulesTo(name));
      symlinkSync(name, join(path, '..data_tmp'));
      renameSync(join(path, '..data_tmp'), join(path, '..data'));
    };
    publish('a.example');
    symlinkSync('..data/turnout.yaml', join(path, 'turnout.yaml'));
    const source = await loadRules(join(path, 'turnout.yaml'), { watch: true });
    publish('b.example');
    rmSync(join(path, 'a.example'), { recursive: true });
    await vi.waitFor(() => expect(hostOf(source)).toBe('b.example'), eventually);
    source.close();
  });

  test('on a file system without events is noticed within two seconds', async () => {
    const path = makeFolder();
    deaf.folders.push(path);
    const { source } = await watchNew({}, join(path, 'turnout.yaml'));
    writeFileSync(join(path, 'turnout.yaml'), rulesTo('b.example'));
    await vi.waitFor(() => expect(hostOf(source)).toBe('b.example'), eventually);
    source.close();
  });

  test('that becomes invalid keeps its rules, tells why once, and is taken up when it is valid again', async () => {
    const { path, source, reloads, errors } = await watchNew();
    const { current, revision } = source;
    writeFileSync(path, 'rules:\n  - protocol: file\n    too: b.example\n');
    await vi.waitFor(() => expect(errors).toHaveLength(1), eventually);
    expect(errors[0]?.message).toContain(`${path}:3:5 unknown_key`);
    writeFileSync(path, 'rules:\n  - protocol: file\n    too: b.example\n');
    writeFileSync(`${path}.other`, 'an event of the folder');
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(errors).toHaveLength(1);
    writeFileSync(path, 'rules: [');
    await vi.waitFor(() => expect(errors).toHaveLength(2), eventually);
    expect(source).toMatchObject({ current, revision });
    writeFileSync(path, rulesTo('b.example'));
    await vi.waitFor(() => expect(hostOf(source)).toBe('b.example'), eventually);
    expect([reloads.length, errors.length]).toEqual([1, 2]);
    source.close();
  });

  test.each([
    ['empty', (path: string) => writeFileSync(path, ''), 'empty_rule_set'],
    ['cut off', (path: string) => writeFileSync(path, 'rules:\n  - proto'), 'must be a mapping'],
    ['without rules', (path: string) => writeFileSync(path, 'rules: []\n'), 'empty_rule_set'],
    ['missing', (path: string) => unlinkSync(path), 'cannot be read: ENOENT'],
    ['a folder', (path: string) => renameSync(path, `${path}~`) ?? mkdirSync(path), 'cannot be read: EISDIR'],
  ])('that is %s keeps its rules, until it is a rule file again', async (_, spoil, message) => {
    const { path, source, reloads, errors } = await watchNew();
    spoil(path);
    await vi.waitFor(() => expect(errors).toHaveLength(1), eventually);
    expect(errors[0]?.message).toContain(message);
    expect(hostOf(source)).toBe('a.example');
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, rulesTo('b.example'));
    await vi.waitFor(() => expect(reloads).toEqual([source.revision]), eventually);
    expect(hostOf(source)).toBe('b.example');
    source.close();
  });

  test('that is written byte by byte is the old one or the new one at any time', async () => {
    const json = (host: string) => JSON.stringify({ rules: [{ protocol: 'file', to: host }] }, null, 2);
    const { path, source } = await watchNew({}, undefined, json('a.example'));
    const next = json('b.example');
    for (let length = 0; length < next.length; length++) {
      writeFileSync(path, next.slice(0, length));
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(hostOf(source)).toBe('a.example');
    }
    writeFileSync(path, next);
    await vi.waitFor(() => expect(hostOf(source)).toBe('b.example'), eventually);
    source.close();
  });

  test('that is the beginning of the old one, or stops within a line, is only believed after a second', async () => {
    const text = `${rulesTo('a.example')}  - protocol: npm\n    to: npm.example\n`;
    const { path, source, reloads, errors } = await watchNew({}, undefined, text);
    writeFileSync(path, rulesTo('a.example'));
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(source.current.rules).toHaveLength(2);
    writeFileSync(path, text.slice(0, -5));
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(source.current.rules[1]?.upstreams[0]?.host).toBe('npm.example');
    writeFileSync(path, rulesTo('a.example'));
    await vi.waitFor(() => expect(source.current.rules).toHaveLength(1), eventually);
    expect([reloads.length, errors.length]).toEqual([1, 0]);
    source.close();
  });

  test('is left alone after it is closed', async () => {
    const { path, source, reloads } = await watchNew();
    source.close();
    source.close();
    writeFileSync(path, rulesTo('b.example'));
    await new Promise((resolve) => setTimeout(resolve, 1400));
    expect(hostOf(source)).toBe('a.example');
    expect(reloads).toEqual([]);
  });

  test('does not keep a process alive', async () => {
    const path = makeFolder();
    writeFileSync(join(path, 'turnout.yaml'), rulesTo('a.example'));
    const program = join(path, 'program.cjs');
    const contents = `import { loadRules } from './src/rules/index.ts';
      loadRules(process.argv[2], { watch: true }).then(({ revision }) => console.log(revision));`;
    await build({
      stdin: { contents, resolveDir: '.', loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile: program,
    });
    const { stdout } = await promisify(execFile)('node', [program, join(path, 'turnout.yaml')], {
      timeout: 10_000,
    });
    expect(stdout).toMatch(/^[\da-f]{12}\n$/);
  });

  test('goes on when the functions that are told of it throw', async () => {
    const told: string[] = [];
    const fail = (what: string) => () => {
      told.push(what);
      throw new Error(what);
    };
    const { path, source } = await watchNew({ onReload: fail('reload'), onError: fail('error') });
    for (const host of ['b.example', 'c.example']) {
      writeFileSync(path, rulesTo(host));
      await vi.waitFor(() => expect(hostOf(source)).toBe(host), eventually);
    }
    expect(told).toEqual(['reload', 'error', 'reload', 'error']);
    source.close();
  });
});
