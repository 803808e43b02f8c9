import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { run, runChecked } from './lab/command.ts';
import { type Handler, type RecordingServer, startRecordingServer } from './lab/recording-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { openPage } from './programs/chromium.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type FileOrigin, startFileOrigin } from './upstreams/file-origin.ts';

const releases: Readonly<Record<string, Buffer>> = {
  '1.2': randomBytes(8 * 1024 * 1024),
  '1.3': randomBytes(100_000),
};
const script = 'echo "the installer ran"\n';
const name = 'acme-linux.tar.gz';
const password = 'a-password-of-the-lab';

const cleanup = createCleanup();
let folder: string;
let gnupg: string;
let before: FileOrigin;
let after: FileOrigin;
let gone: RecordingServer;
let locked: RecordingServer;
let turnout: Turnout;

beforeAll(async () => {
  folder = (await cleanup.use(createTemporaryFolder())).path;
  gnupg = join(folder, 'gnupg');
  await mkdir(gnupg, { mode: 0o700 });
  await gpg('--passphrase', '', '--quick-generate-key', 'release@acme.example', 'ed25519', 'sign', 'never');
  before = await cleanup.use(startFileOrigin());
  after = await cleanup.use(startFileOrigin());
  await fill(before, (version) => `/releases/v${version}/${name}`);
  // Where it lives after the switch: another host, and another path.
  await fill(after, (version) => `/dl/acme_linux/${version}.tgz`);
  gone = await startRecordingServer('127.0.0.3', () => {});
  await gone.stop();
  locked = await cleanup.use(startRecordingServer('127.0.0.3', sendToFriends));
  const rules = [...['redirect', 'proxy'].map(rulesOf), moreRules(locked.origin)];
  turnout = await cleanup.use(
    startTurnout(`rules:${rules.join('')}`, { env: { ACME_PASSWORD: password }, hidden: password }),
  );
});
beforeEach(() => {
  before.forget();
  after.forget();
  turnout.forget();
});
afterAll(() => cleanup.run());

function rulesOf(mode: string): string {
  return `
  - name: ${mode}-cli
    protocol: file
    at: /${mode}/
    match: /cli/:version/acme-:platform.tar.gz
    to: ${before.origin}/releases/v:version/acme-:platform.tar.gz
    mode: ${mode}

  - name: ${mode}-installer
    protocol: file
    at: /${mode}/
    match: /install.sh
    to: ${before.origin}/install.sh
    mode: ${mode}

  - name: ${mode}-shared
    protocol: file
    at: /${mode}/shared/
    to: ${before.origin}
    mode: ${mode}
    options: { cors: ["*"] }

  - name: ${mode}-ours
    protocol: file
    at: /${mode}/ours/
    to: ${before.origin}
    mode: ${mode}
    options: { cors: ["https://www.acme.example"] }
`;
}

/** Rules for an origin that wants a password, and for two of which one may be gone. */
function moreRules(origin: string): string {
  return `
  - name: private
    protocol: file
    at: /private/
    to: ${origin}
    auth: { username: acme, password: "\${ACME_PASSWORD}" }

  - name: mirrored
    protocol: file
    at: /mirrored/
    to:
      - ${gone.origin}
      - ${before.origin}
    mode: proxy
`;
}

async function fill(origin: FileOrigin, pathOf: (version: string) => string): Promise<void> {
  const headers = { 'last-modified': 'Mon, 02 Nov 2026 10:00:00 GMT' };
  for (const [version, body] of Object.entries(releases)) {
    const digest = createHash('sha256').update(body).digest('hex');
    const file = join(folder, `to-sign-${version}`);
    await writeFile(file, body);
    origin.put(pathOf(version), { body, headers });
    origin.put(`${pathOf(version)}.sha256`, { body: Buffer.from(`${digest}  ${name}\n`), headers });
    origin.put(`${pathOf(version)}.asc`, { body: await sign(file), headers });
  }
  origin.put('/install.sh', {
    body: Buffer.from(script),
    headers: { 'content-type': 'text/x-shellscript', 'access-control-allow-origin': '*' },
  });
}

async function sign(file: string): Promise<Buffer> {
  await gpg('--yes', '--armor', '--detach-sign', file);
  return readFile(`${file}.asc`);
}

function gpg(...args: string[]): Promise<string> {
  return runChecked('gpg', [
    '--homedir',
    gnupg,
    '--batch',
    '--quiet',
    '--pinentry-mode',
    'loopback',
    ...args,
  ]);
}

/** A folder for one test. */
async function folderOf(title: string): Promise<string> {
  const path = join(folder, title);
  await mkdir(path);
  return path;
}

/** What fetches a file into a folder, and what it adds to go on where it stopped. */
const clients: readonly (readonly [title: string, command: readonly string[], resume: readonly string[]])[] =
  [
    ['curl', ['curl', '--disable', '--no-progress-meter', '--fail', '-LO'], ['-C', '-']],
    ['wget', ['wget', '--no-config', '--no-verbose', '--tries=1'], ['-c']],
    ['the wget of busybox', ['busybox', 'wget', '-q'], ['-c']],
    [
      'aria2',
      ['aria2c', '--no-conf', '--quiet', '--max-tries=1', '--split=4', '-x4', '--min-split-size=1M'],
      ['-c'],
    ],
  ];

describe.each([['redirect'], ['proxy']])('where the rule says %s', (mode) => {
  const addressOf = (version: string, suffix = '') =>
    `${turnout.origin}/${mode}/cli/${version}/${name}${suffix}`;

  describe.each(clients)('%s', (client, [command = '', ...args], resume) => {
    test('fetches a file, its checksum and its signature', async () => {
      const cwd = await folderOf(`${mode}-${client}-fetch`);
      for (const suffix of ['', '.sha256', '.asc']) {
        const fetched = await run(command, [...args, addressOf('1.2', suffix)], { cwd });
        expect(fetched.ok, fetched.output).toBe(true);
      }

      expect(await runChecked('sha256sum', ['-c', `${name}.sha256`], { cwd })).toBe(`${name}: OK\n`);
      await gpg('--verify', join(cwd, `${name}.asc`), join(cwd, name));
      const { path } = await turnout.waitForAccess(
        (record) => record.path === `/${mode}/cli/1.2/${name}.asc`,
      );
      expect(path).toContain('.asc');
      expect(turnout.access().every(({ rule }) => rule === `${mode}-cli`)).toBe(true);
    });

    test('goes on where it stopped', async () => {
      const cwd = await folderOf(`${mode}-${client}-resume`);
      const whole = releases['1.2'] ?? Buffer.alloc(0);
      await writeFile(join(cwd, name), whole.subarray(0, 5_000_000));

      const resumed = await run(command, [...args, ...resume, addressOf('1.2')], { cwd });

      expect(resumed.ok, resumed.output).toBe(true);
      expect((await readFile(join(cwd, name))).equals(whole)).toBe(true);
      const ranges = before.requests.flatMap(({ headers: { range } }) => range ?? []);
      expect(ranges.length).toBeGreaterThan(0);
      for (const range of ranges) expect(range).toMatch(/^bytes=(?:4[89]|[5-8]\d)\d{5}-/);
    });

    test('fails where there is no such version, and asks for nothing else', async () => {
      const cwd = await folderOf(`${mode}-${client}-absent`);
      const fetched = await run(command, [...args, addressOf('9.9')], { cwd });
      expect(fetched.ok).toBe(false);
      expect(new Set(before.requests.map(({ url }) => url))).toEqual(new Set([`/releases/v9.9/${name}`]));
    });
  });

  test('aria2 fetches the parts of a file side by side', async () => {
    const cwd = await folderOf(`${mode}-segments`);
    const [, [command = '', ...args] = []] = clients.at(-1) ?? [];
    await runChecked(command, [...args, addressOf('1.2')], { cwd });
    expect((await readFile(join(cwd, name))).equals(releases['1.2'] ?? Buffer.alloc(0))).toBe(true);
    const ranges = new Set(before.requests.flatMap(({ headers: { range } }) => range ?? []));
    expect(ranges.size).toBeGreaterThanOrEqual(3);
  });

  test('wget -N and curl -z fetch nothing that they have', async () => {
    const cwd = await folderOf(`${mode}-newer`);
    const wget = ['--no-config', '-N', addressOf('1.3')];
    await runChecked('wget', wget, { cwd });
    await runChecked('wget', wget, { cwd });
    await runChecked('curl', ['--disable', '-sfL', '-z', name, '-o', name, addressOf('1.3')], { cwd });
    expect((await readFile(join(cwd, name))).equals(releases['1.3'] ?? Buffer.alloc(0))).toBe(true);
    expect(before.requests.map(({ status }) => status)).toEqual([200, 304, 304]);
  });

  test.each([
    ['curl without -L', "curl --disable -sSf 'ADDRESS' | sh", mode === 'proxy'],
    ['curl with -L', "curl --disable -fsSL 'ADDRESS' | sh", true],
    ['wget', "wget --no-config -qO- 'ADDRESS' | sh", true],
    ['the wget of busybox', "busybox wget -qO- 'ADDRESS' | sh", true],
    ['bash', 'bash -c "$(curl --disable -sSf \'ADDRESS\')"', mode === 'proxy'],
  ])('an installer is piped into a shell by %s', async (_, line, runs) => {
    const piped = await run('sh', ['-c', line.replace('ADDRESS', `${turnout.origin}/${mode}/install.sh`)]);
    // What does not follow a redirect runs nothing at all, and no line of it is taken for a command.
    expect(piped).toMatchObject({ ok: true, output: runs ? 'the installer ran\n' : '' });
  });

  test('a page of another origin reads what the rule shares, and nothing else', async () => {
    const site = await cleanup.use(
      startRecordingServer('127.0.0.3', (_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end(pageFor(`${turnout.origin}/${mode}`));
      }),
    );
    const text = /<pre>(.*)<\/pre>/s.exec(await openPage(site.origin))?.[1];
    // Where it is redirected, the origin has the last word; where it is fetched, the rule, if it says anything.
    const proxied = mode === 'proxy';
    expect(text?.trim().split('\n').toSorted()).toEqual([
      `absent: ${proxied ? '404' : 'unreadable'}`,
      `not shared: ${proxied ? 'the installer ran' : 'unreadable'}`,
      'ours: unreadable',
      `preflighted: ${proxied ? 'the installer ran' : 'unreadable'}`,
      'shared: the installer ran',
    ]);
  });
});

/** A page that fetches, and writes down what it could read. */
function pageFor(base: string): string {
  const preflighted = { headers: { 'X-Acme': 'x' } };
  const fetches = {
    shared: ['/shared/install.sh', {}],
    preflighted: ['/shared/install.sh', preflighted],
    absent: ['/shared/nothing', {}],
    ours: ['/ours/install.sh', {}],
    'not shared': ['/install.sh', {}],
  };
  return `<!DOCTYPE html><pre></pre><script>
const told = document.querySelector('pre');
for (const [name, [path, init]] of Object.entries(${JSON.stringify(fetches)})) {
  fetch(${JSON.stringify(base)} + path, init)
    .then(async (response) => response.ok ? (await response.text()).split('"')[1] : response.status)
    .catch(() => 'unreadable')
    .then((text) => { told.textContent += name + ': ' + text + '\\n'; });
}
</script>`;
}

/** Answers who shows the password. */
const sendToFriends: Handler = ({ headers: { authorization, range } }, response) => {
  const shown = `Basic ${Buffer.from(`acme:${password}`).toString('base64')}`;
  if (authorization !== shown) return void response.writeHead(401, { 'www-authenticate': 'Basic' }).end();
  response.writeHead(range ? 206 : 200, range ? { 'content-range': 'bytes 0-3/6' } : {});
  response.end(range ? 'secr' : 'secret');
};

test('a file of an origin that wants a password is fetched with the gateway’s', async () => {
  const address = `${turnout.origin}/private/acme.zip`;
  const curl = ['--disable', '-fsS', '--user', 'client:own', address];
  expect(await runChecked('curl', curl)).toBe('secret');
  expect(await runChecked('curl', ['-r', '0-3', ...curl])).toBe('secr');
  expect(await runChecked('wget', ['--no-config', '-qO-', `${address}.sha256`])).toBe('secret');
  expect(turnout.process.stdout()).not.toContain(password);
});

test('a file comes from the next origin when the first is gone, from one that answers', async () => {
  const cwd = await folderOf('mirrored');
  for (const suffix of ['', '.sha256']) {
    const address = `${turnout.origin}/mirrored/releases/v1.3/${name}${suffix}`;
    await runChecked('wget', ['--no-config', '-q', address], { cwd });
  }
  expect(await runChecked('sha256sum', ['-c', `${name}.sha256`], { cwd })).toBe(`${name}: OK\n`);
});

test('one edited line moves the files, and the next download follows it', async () => {
  for (const mode of ['redirect', 'proxy']) {
    const address = `${turnout.origin}/${mode}/cli/1.3/${name}`;
    const cwd = await folderOf(`${mode}-switch`);
    await turnout.edit(
      rulesOf(mode),
      rulesOf(mode).replace(
        `${before.origin}/releases/v:version/acme-:platform.tar.gz`,
        `${after.origin}/dl/acme_:platform/:version.tgz`,
      ),
    );
    for (const suffix of ['', '.sha256'])
      await runChecked('wget', ['--no-config', '-q', `${address}${suffix}`], { cwd });
    expect(await runChecked('sha256sum', ['-c', `${name}.sha256`], { cwd })).toBe(`${name}: OK\n`);
  }
  expect(before.requests).toEqual([]);
  expect(after.requests.map(({ url }) => url)).toEqual([
    '/dl/acme_linux/1.3.tgz',
    '/dl/acme_linux/1.3.tgz.sha256',
    '/dl/acme_linux/1.3.tgz',
    '/dl/acme_linux/1.3.tgz.sha256',
  ]);
});

test('where the origin is down, clients are told so', async () => {
  await turnout.edit(
    `at: /proxy/shared/\n    to: ${before.origin}`,
    `at: /proxy/shared/\n    to: ${gone.origin}`,
  );
  const line = ['--disable', '-sS', '-D', '-', `${turnout.origin}/proxy/shared/a`];
  expect(await runChecked('curl', line)).toMatch(
    /^HTTP\/1\.1 502 [\s\S]*^retry-after: \d+\r$[\s\S]*The upstream gives no usable answer\.\n$/im,
  );
});
