import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { type FinishedCommand, run } from './lab/command.ts';
import { createTemporaryFolder, type TemporaryFolder } from './lab/temporary-folder.ts';
import { type Curl, openCurl } from './programs/curl.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { addCommit } from './upstreams/git-commits.ts';
import { createRepository } from './upstreams/git-host.ts';
import { type HostKind, type Project, type SourceHost, startSourceHost } from './upstreams/source-host.ts';

const kinds: readonly HostKind[] = ['github', 'gitlab', 'gitea', 'bitbucket', 'sourceforge', 'template'];
const hasSource = (kind: HostKind) => kind !== 'sourceforge' && kind !== 'template';
const hasLatest = (kind: HostKind) => kind !== 'bitbucket' && kind !== 'template';

const programs = { 'v1.2.0': randomBytes(70_000), 'v1.3.0': randomBytes(80_000) };
const text = { first: 'echo one\n', second: 'echo two\n', feature: 'echo of a branch\n' };

/** A file that git has as a pointer only (Git LFS, specification v1). */
const large = randomBytes(200_000);
const pointer = `version https://git-lfs.github.com/spec/v1
oid sha256:${createHash('sha256').update(large).digest('hex')}
size ${large.length}
`;
const files = {
  'install.sh': text.first,
  LATEST: 'v1.2.0\n',
  'large.bin': pointer,
  '.gitattributes': 'large.bin filter=lfs diff=lfs merge=lfs -text\n',
};

const cleanup = createCleanup();
let project: Project;
let commit: string;
let curl: Curl;
let hosts: Readonly<Record<HostKind, SourceHost>>;
let secret: SourceHost;
let turnout: Turnout;
/** What git gets of its environment besides. */
let protocolOfGit: Readonly<Record<string, string>> = {};
/** The line of the rule that is edited. */
let line: string;

beforeAll(async () => {
  const repository = await cleanup.use(createRepository(files, 'v1.2.0'));
  await addCommit(repository, 'install.sh', text.feature, { branch: 'feature/x' });
  await run('git', ['-C', join(repository.path, 'work'), 'checkout', '--quiet', 'main']);
  commit = await addCommit(repository, 'install.sh', text.second, { branch: 'main', tag: 'v1.3.0' });
  project = {
    folder: repository.path,
    releases: {
      'v1.2.0': { 'cli+linux.bin': programs['v1.2.0'] },
      'v1.3.0': { 'cli+linux.bin': programs['v1.3.0'] },
    },
    latest: 'v1.2.0',
    large,
  };
  const started = await Promise.all(kinds.map((kind) => cleanup.use(startSourceHost(kind, project))));
  hosts = Object.fromEntries(kinds.map((kind, index) => [kind, started[index]])) as typeof hosts;
  secret = await cleanup.use(
    startSourceHost('gitea', project, `Basic ${Buffer.from('robot:pa:ss').toString('base64')}`),
  );
  curl = await cleanup.use(openCurl());
  line = hosts.github.to;
  turnout = await cleanup.use(
    startTurnout(`rules:
  - name: cli
    protocol: forge
    match: cli
    to: ${line}
    options: { latestFor: 2 }
  - name: mount
    protocol: forge
    at: /mount/
    to: ${hosts.gitea.to}
  - name: proxied
    protocol: forge
    match: proxied
    to: ${hosts.github.to}
    mode: proxy
  - name: private
    protocol: forge
    match: secret
    to: ${secret.to}
    auth: { username: robot, password: "pa:ss" }
  - name: bucket
    protocol: forge
    match: bucket
    options:
      latest: ${hosts.gitea.site.origin}/acme/cli/raw/branch/main/LATEST
      latestFrom: text
    to: ${hosts.bitbucket.to}
`),
  );
});
beforeEach(() => {
  protocolOfGit = {};
  turnout.forget();
  for (const { site, store } of [...Object.values(hosts), secret]) {
    site.forget();
    store.forget();
  }
});
afterAll(() => cleanup.run());

async function lead(to: string): Promise<void> {
  if (to === line) return;
  await turnout.edit(`to: ${line}\n    options`, `to: ${to}\n    options`);
  line = to;
}

/** Runs git without the settings of this machine, and without asking for a password. */
async function git(...args: string[]): Promise<FinishedCommand> {
  const env = {
    ...process.env,
    ...protocolOfGit,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
  };
  return run('git', args, { env });
}

/** Clones, and gives what the installer of the clone says. */
async function clone(address: string, ...args: string[]): Promise<string> {
  const folder: TemporaryFolder = await createTemporaryFolder();
  try {
    const cloned = await git('clone', '--quiet', ...args, address, join(folder.path, 'cli'));
    expect(cloned.ok, cloned.output).toBe(true);
    return await readFile(join(folder.path, 'cli', 'install.sh'), 'utf8');
  } finally {
    await folder.stop();
  }
}

/** Downloads as people do, under the name in the address, and checks the sum beside it. */
async function download(tag: keyof typeof programs): Promise<void> {
  const folder = await createTemporaryFolder();
  const at = `${turnout.origin}/cli/releases/download/${tag}`;
  try {
    const options = { cwd: folder.path };
    const fetched = await curl.run(
      '--fail',
      '--location',
      '--remote-name-all',
      '--output-dir',
      folder.path,
      `${at}/cli+linux.bin`,
      `${at}/cli+linux.bin.sha256`,
    );
    expect(fetched.ok, fetched.output).toBe(true);
    const checked = await run('sha256sum', ['--check', 'cli+linux.bin.sha256'], options);
    expect(checked.output).toBe('cli+linux.bin: OK\n');
    expect((await readFile(join(folder.path, 'cli+linux.bin'))).equals(programs[tag])).toBe(true);
    const got = await run(
      'wget',
      ['--quiet', '--output-document', 'by-wget', `${at}/cli%2Blinux.bin`],
      options,
    );
    expect(got.ok, got.output).toBe(true);
    expect((await readFile(join(folder.path, 'by-wget'))).equals(programs[tag])).toBe(true);
  } finally {
    await folder.stop();
  }
}

/** The installer in an archive. */
async function unpack(archive: string): Promise<string> {
  const fetched = await curl.fetch('--fail', `${turnout.origin}/cli/archive/${archive}`);
  expect(fetched.ok, fetched.output).toBe(true);
  const file = join(curl.folder, 'archive.tar.gz');
  await writeFile(file, fetched.body);
  const unpacked = await run('tar', ['-xzOf', file, '--wildcards', '*/install.sh']);
  expect(unpacked.ok, unpacked.output).toBe(true);
  return unpacked.stdout;
}

async function latestTag(): Promise<string> {
  const asked = await curl.run(
    '--silent',
    '--output',
    '/dev/null',
    '--write-out',
    '%{redirect_url}',
    `${turnout.origin}/cli/releases/latest`,
  );
  return asked.stdout.replace(`${turnout.origin}/cli/releases/tag/`, '');
}

describe.each(kinds)('a project that is led to %s by one line', (kind) => {
  beforeAll(() => lead(hosts[kind].to));

  test('has the files of a release, with their checksums', async () => {
    await download('v1.2.0');
    expect(turnout.access()).toContainEqual(
      expect.objectContaining({
        path: '/cli/releases/download/v1.2.0/cli+linux.bin',
        status: 302,
        rule: 'cli',
        location: expect.stringContaining(hosts[kind].site.origin),
      }),
    );
    const others = kinds.filter((other) => other !== kind);
    for (const other of others) expect(hosts[other].site.requests).toEqual([]);
  });

  test('has a newer release', async () => {
    // What Bitbucket has for downloads is of no tag.
    if (kind !== 'bitbucket') await download('v1.3.0');
  });

  if (hasLatest(kind))
    test('has the latest release, with one redirect of the gateway', async () => {
      project.latest = 'v1.2.0';
      await expect.poll(latestTag, { timeout: 10_000 }).toBe('v1.2.0');
      hosts[kind].site.forget();
      const fetched = await curl.fetch(
        '--fail',
        `${turnout.origin}/cli/releases/latest/download/cli+linux.bin`,
      );
      expect(fetched.body.equals(programs['v1.2.0'])).toBe(true);
      expect(fetched.headers.get('content-length')).toBe('70000');
      project.latest = 'v1.3.0';
      await expect.poll(latestTag, { timeout: 10_000 }).toBe('v1.3.0');
      const newer = await curl.fetch(
        '--fail',
        `${turnout.origin}/cli/releases/latest/download/cli+linux.bin`,
      );
      expect(newer.body.equals(programs['v1.3.0'])).toBe(true);
      project.latest = 'v1.2.0';
    });

  if (!hasLatest(kind))
    test('is said to have no latest release', async () => {
      const { status, body } = await curl.fetch(`${turnout.origin}/cli/releases/latest`);
      expect(status).toBe(404);
      expect(body.toString()).toContain('`options.latest`');
    });

  if (hasSource(kind))
    test('has archives and raw files, of tags, branches with a slash, and commits', async () => {
      expect(await unpack('refs/tags/v1.2.0.tar.gz')).toBe(text.first);
      expect(await unpack('refs/heads/feature/x.tar.gz')).toBe(text.feature);
      expect(await unpack('feature%2Fx.tar.gz')).toBe(text.feature);
      expect(await unpack(`${commit}.tar.gz`)).toBe(text.second);
      const raw = async (path: string) =>
        (await curl.fetch('--fail', `${turnout.origin}/cli/raw/${path}/install.sh`)).body.toString();
      expect(await raw('refs/tags/v1.2.0')).toBe(text.first);
      expect(await raw('main')).toBe(text.second);
      expect(await raw('refs/heads/feature%2Fx')).toBe(text.feature);
      expect(await raw(commit)).toBe(text.second);
      const zip = await curl.fetch('--fail', `${turnout.origin}/cli/archive/main.zip`);
      expect(zip.body.subarray(0, 2).toString()).toBe('PK');
    });

  if (!hasSource(kind))
    test('is said to have files of releases only', async () => {
      for (const path of ['archive/main.zip', 'raw/main/install.sh', 'info/refs?service=git-upload-pack']) {
        const { status, redirects, body } = await curl.fetch(`${turnout.origin}/cli/${path}`);
        expect([status, redirects]).toEqual([404, 0]);
        expect(body.toString()).toMatch(/files of releases only/);
      }
    });

  if (hasSource(kind))
    test('is cloned by git', async () => {
      for (const name of ['cli', 'cli.git'])
        expect(await clone(`${turnout.origin}/${name}`)).toBe(text.second);
      expect(await clone(`${turnout.origin}/cli`, '--branch', 'feature/x', '--depth', '1')).toBe(
        text.feature,
      );
      expect(turnout.access().map(({ path, status }) => [path, status])).toContainEqual([
        '/cli/info/refs?service=git-upload-pack',
        302,
      ]);
      expect(hosts[kind].site.requests.some(({ url }) => url.endsWith('.git/git-upload-pack'))).toBe(true);
    });

  test('hands a range and a query on, and is told what there is not', async () => {
    const at = `${turnout.origin}/cli/releases/download/v1.2.0`;
    const part = await curl.fetch('--range', '1000-1999', `${at}/cli+linux.bin?from=site`);
    expect(part.status).toBe(206);
    expect(part.body.equals(programs['v1.2.0'].subarray(1000, 2000))).toBe(true);
    expect(hosts[kind].site.requests[0]?.url).toMatch(/\?from=site$/);
    expect((await curl.fetch(`${at}/other`)).status).toBe(404);
  });
});

test('a repository that is nothing but files is cloned, through the gateway or around it', async () => {
  await lead(hosts.gitea.to);
  protocolOfGit = { GIT_SMART_HTTP: '0' };
  for (const name of ['cli', 'cli.git', 'proxied', 'proxied.git'])
    expect(await clone(`${turnout.origin}/${name}`)).toBe(text.second);
  const asked = turnout.access().map(({ method, path, type }) => `${method} ${path} ${type}`);
  expect(asked.filter((line) => line.includes('/cli'))).toEqual([
    'GET /cli/info/refs redirect',
    'GET /cli.git/info/refs redirect',
  ]);
  expect(asked).toContain('GET /proxied/HEAD proxy');
  expect(asked.some((line) => line.startsWith('GET /proxied.git/objects/'))).toBe(true);
});

test('a clone of before a move goes on after it', async () => {
  const folder = await cleanup.use(createTemporaryFolder());
  await lead(hosts.github.to);
  const cloned = await git('clone', '--quiet', `${turnout.origin}/cli`, join(folder.path, 'cli'));
  expect(cloned.ok, cloned.output).toBe(true);
  const repository = ['-C', join(folder.path, 'cli')];
  expect((await git(...repository, 'config', 'remote.origin.url')).stdout.trim()).toBe(
    `${turnout.origin}/cli`,
  );
  await lead(hosts.gitlab.to);
  const fetched = await git(...repository, 'fetch', '--quiet', 'origin', 'feature/x');
  expect(fetched.ok, fetched.output).toBe(true);
  expect(hosts.gitlab.site.requests).not.toEqual([]);
});

test.each(['cli', 'proxied.git', 'secret'])('the large files of %s are fetched by git-lfs', async (name) => {
  await lead(hosts.gitlab.to);
  const folder = await cleanup.use(createTemporaryFolder());
  const clonedTo = join(folder.path, 'cli');
  const filter = ['filter.lfs.process=git-lfs filter-process', 'filter.lfs.required=true'];
  const settings = filter.flatMap((setting) => ['-c', setting]);
  const cloned = await git(...settings, 'clone', '--quiet', `${turnout.origin}/${name}`, clonedTo);
  expect(cloned.ok, cloned.output).toBe(true);
  expect((await readFile(join(clonedTo, 'large.bin'))).equals(large)).toBe(true);
  const batch = turnout.access().filter(({ path }) => path.endsWith('/info/lfs/objects/batch'));
  expect(batch.map(({ method, status }) => [method, status])).toEqual([['POST', name === 'cli' ? 307 : 200]]);
});

test('git is told that it cannot push', async () => {
  const folder = await cleanup.use(createTemporaryFolder());
  await git('clone', '--quiet', `${turnout.origin}/cli`, join(folder.path, 'cli'));
  const pushed = await git('-C', join(folder.path, 'cli'), 'push', 'origin', 'HEAD:refs/heads/new');
  expect(pushed.ok).toBe(false);
  expect(pushed.output).toMatch(/403/);
  expect(turnout.access().at(-1)).toMatchObject({ status: 403, type: 'respond' });
});

test('a project may be the mount itself', async () => {
  const fetched = await curl.fetch(
    '--fail',
    `${turnout.origin}/mount/releases/latest/download/cli+linux.bin`,
  );
  expect(fetched.body.equals(programs['v1.2.0'])).toBe(true);
  expect(await clone(`${turnout.origin}/mount`)).toBe(text.second);
});

test('200 who ask for the latest release at once cost one request', async () => {
  await lead(hosts.github.to);
  // The one that was kept has to be too old.
  project.latest = 'v1.3.0';
  await expect.poll(latestTag, { timeout: 10_000 }).toBe('v1.3.0');
  project.latest = 'v1.2.0';
  await expect.poll(latestTag, { timeout: 10_000 }).toBe('v1.2.0');
  await turnout.edit('latestFor: 2', 'latestFor: 300');
  hosts.github.site.forget();
  const asked = await curl.run(
    ...['--parallel', '--parallel-immediate', '--parallel-max', '200', '--output', '/dev/null'],
    ...['--write-out', '%{http_code} %{redirect_url}\n'],
    `${turnout.origin}/cli/releases/latest/download/cli+linux.bin?n=[1-200]`,
  );
  const answers = asked.stdout.trim().split('\n');
  expect(answers.length).toBe(200);
  for (const answer of answers)
    expect(answer).toMatch(/^302 .*\/releases\/download\/v1\.2\.0\/cli\+linux\.bin\?n=\d+$/);
  expect(hosts.github.site.requests.length).toBeLessThan(2);
  await turnout.edit('latestFor: 300', 'latestFor: 2');
});

test('everything comes through the gateway where the rule says so', async () => {
  const at = `${turnout.origin}/proxied`;
  for (const path of ['releases/download/v1.2.0/cli+linux.bin', 'releases/latest/download/cli+linux.bin']) {
    const fetched = await curl.fetch('--fail', `${at}/${path}`);
    expect(fetched).toMatchObject({ ok: true, redirects: 0 });
    expect(fetched.body.equals(programs['v1.2.0'])).toBe(true);
    expect(fetched.headers.get('content-disposition')).toContain('as-the-host-calls-it');
  }
  const part = await curl.fetch('--range', '10-19', `${at}/releases/download/v1.2.0/cli+linux.bin`);
  expect(part).toMatchObject({ status: 206, redirects: 0 });
  expect((await curl.fetch('--fail', `${at}/raw/main/install.sh`)).body.toString()).toBe(text.second);
  expect(await clone(at)).toBe(text.second);
  const [, pack] = turnout.access().filter(({ path }) => path.includes('git-upload-pack'));
  expect(pack).toMatchObject({ method: 'POST', status: 200, type: 'proxy' });
  // git's second version of its protocol, whose field goes on to the host.
  expect(hosts.github.site.requests.at(-1)?.headers['git-protocol']).toBe('version=2');
});

test("a private project is had with the rule's credential, which no store sees", async () => {
  expect((await curl.fetch(`${secret.site.origin}/acme/cli/raw/tag/v1.2.0/install.sh`)).status).toBe(401);
  const at = `${turnout.origin}/secret`;
  const fetched = await curl.fetch('--fail', `${at}/releases/latest/download/cli+linux.bin`);
  expect(fetched.body.equals(programs['v1.2.0'])).toBe(true);
  expect((await curl.fetch('--fail', `${at}/raw/refs/tags/v1.2.0/install.sh`)).body.toString()).toBe(
    text.first,
  );
  expect(await clone(at)).toBe(text.second);
  expect(fetched.redirects).toBe(0);
});

test('a host without a latest release has one where the rule says which', async () => {
  const at = `${turnout.origin}/bucket/releases/latest`;
  const asked = await curl.run('--output', '/dev/null', '--write-out', '%{redirect_url}', at);
  expect(asked.stdout).toBe(`${turnout.origin}/bucket/releases/tag/v1.2.0`);
  const fetched = await curl.fetch('--fail', `${at}/download/cli+linux.bin`);
  expect(fetched.body.equals(programs['v1.2.0'])).toBe(true);
});

test('a host that is down is told of, and the next one is asked', async () => {
  const gone = await startSourceHost('gitlab', project);
  await gone.stop();
  await lead(gone.to);
  const latest = await curl.fetch(`${turnout.origin}/cli/releases/latest/download/cli+linux.bin`);
  expect(latest.status).toBeGreaterThanOrEqual(502);
  expect(latest.headers.get('retry-after')).toBeDefined();
  expect(latest.body.toString()).toMatch(/^The upstream .*\.\n$/);
  await lead(`[ "${gone.to}", "${hosts.gitea.to}" ]`);
  const fetched = await curl.fetch('--fail', `${turnout.origin}/cli/releases/latest/download/cli+linux.bin`);
  expect(fetched.body.equals(programs['v1.2.0'])).toBe(true);
  await turnout.edit('options: { latestFor: 2 }', 'options: { latestFor: 2 }\n    mode: proxy');
  await download('v1.3.0');
  expect(await unpack('refs/tags/v1.2.0.tar.gz')).toBe(text.first);
  expect(turnout.access().at(-1)).toMatchObject({ type: 'proxy', status: 200 });
});

test('a name that no rule has is unknown', async () => {
  expect((await curl.fetch(`${turnout.origin}/other/releases/latest`)).status).toBe(404);
  const cloned = await git('clone', '--quiet', `${turnout.origin}/other`, join(curl.folder, 'other'));
  expect(cloned.output).toMatch(/not found/);
});
