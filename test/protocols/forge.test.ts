import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { isRuleError } from '../../src/core/errors.ts';
import { findRequestProblem, hasDotSegment } from '../../src/core/request.ts';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { type ForgeResource, forge } from '../../src/protocols/forge.ts';
import { contextOf, type ProtocolCase, parsePurl, testProtocol, upstreamOf } from './test-protocol.ts';

const of = (
  title: string,
  path: string,
  resource: ForgeResource,
  more: Partial<ProtocolCase<ForgeResource>> = {},
): ProtocolCase<ForgeResource> => ({ title, path, resource, ...more });
const none = (title: string, path: string, method = 'GET', query?: string): ProtocolCase<ForgeResource> => ({
  title,
  method,
  path,
  ...(query !== undefined && { query }),
  resource: undefined,
});
const project = 'cli';

testProtocol(forge, [
  of('a file of a release', '/cli/releases/download/v1.2.0/cli_linux.tgz', {
    type: 'asset',
    project,
    tag: 'v1.2.0',
    file: 'cli_linux.tgz',
  }),
  of(
    'its signature, with a query',
    '/cli/releases/download/v1.2.0/cli.tgz.asc',
    {
      type: 'asset',
      project,
      tag: 'v1.2.0',
      file: 'cli.tgz.asc',
      query: 'a=1&b',
    },
    { query: 'a=1&b' },
  ),
  of(
    'a file of a tag with a slash, of a project in groups',
    '/acme/tools/cli/releases/download/%40acme%2Fcli%401.0/x%2By',
    {
      type: 'asset',
      project: 'acme/tools/cli',
      tag: '%40acme%2Fcli%401.0',
      file: 'x%2By',
    },
  ),
  of(
    'a file in a folder, by HEAD',
    '/cli/releases/download/v1/bin/linux/cli',
    {
      type: 'asset',
      project,
      tag: 'v1',
      file: 'bin/linux/cli',
    },
    { method: 'HEAD' },
  ),
  of('a file of a project that is the mount', '/releases/download/v1/cli', {
    type: 'asset',
    project: '',
    tag: 'v1',
    file: 'cli',
  }),
  of(
    'a file of a project that is called like a part of a path',
    '/releases/releases/download/v1/raw/main/x',
    {
      type: 'asset',
      project: 'releases',
      tag: 'v1',
      file: 'raw/main/x',
    },
  ),
  of('the latest file', '/cli/releases/latest/download/cli.tgz', {
    type: 'latest-asset',
    project,
    file: 'cli.tgz',
  }),
  of('the latest release', '/cli/releases/latest', { type: 'latest', project }),
  of('the latest release of the mount', '/releases/latest', { type: 'latest', project: '' }),
  of('a release', '/cli/releases/tag/v1.2.0', { type: 'page', project, tag: 'v1.2.0' }),
  of('an archive of a tag', '/cli/archive/refs/tags/v1.2.0.tar.gz', {
    type: 'archive',
    project,
    ref: 'refs/tags/v1.2.0',
    format: 'tar.gz',
  }),
  of('an archive of a branch with a slash', '/cli/archive/refs/heads/feature/x.zip', {
    type: 'archive',
    project,
    ref: 'refs/heads/feature/x',
    format: 'zip',
  }),
  of('an archive of a name with an encoded slash', '/cli/archive/feature%2Fx.tar.gz', {
    type: 'archive',
    project,
    ref: 'feature%2Fx',
    format: 'tar.gz',
  }),
  of('a raw file', '/cli/raw/main/docs/read%20me.md', {
    type: 'raw',
    project,
    ref: 'main',
    path: 'docs/read%20me.md',
  }),
  of('a raw file of a tag', '/cli/raw/refs/tags/v1/install.sh', {
    type: 'raw',
    project,
    ref: 'refs/tags/v1',
    path: 'install.sh',
  }),
  of('a raw file in a folder called refs', '/cli/raw/refs/heads/x', {
    type: 'raw',
    project,
    ref: 'refs',
    path: 'heads/x',
  }),
  of(
    'the references of a repository',
    '/cli.git/info/refs',
    {
      type: 'git',
      project,
      suffix: '.git',
      path: 'info/refs',
      query: 'service=git-upload-pack',
    },
    { query: 'service=git-upload-pack' },
  ),
  of('the references of a repository that is the mount, as files', '/info/refs', {
    type: 'git',
    project: '',
    suffix: '',
    path: 'info/refs',
  }),
  of(
    'a pack',
    '/acme/cli/git-upload-pack',
    { type: 'git', project: 'acme/cli', suffix: '', path: 'git-upload-pack' },
    {
      method: 'POST',
    },
  ),
  of(
    'large files',
    '/cli.git/info/lfs/objects/batch',
    {
      type: 'git',
      project,
      suffix: '.git',
      path: 'info/lfs/objects/batch',
    },
    { method: 'POST' },
  ),
  of('an object', `/cli.git/objects/ab/${'0'.repeat(38)}`, {
    type: 'git',
    project,
    suffix: '.git',
    path: `objects/ab/${'0'.repeat(38)}`,
  }),
  of('the head of a repository', '/cli.git/HEAD', { type: 'git', project, suffix: '.git', path: 'HEAD' }),
  of(
    'the references for a push',
    '/cli.git/info/refs',
    {
      type: 'push',
      project,
      suffix: '.git',
      path: 'info/refs',
      query: 'service=git-receive-pack',
    },
    { query: 'service=git-receive-pack' },
  ),
  of(
    'a push',
    '/cli/git-receive-pack',
    { type: 'push', project, suffix: '', path: 'git-receive-pack' },
    {
      method: 'POST',
    },
  ),
  of(
    "a file of a release, as GitLab's",
    '/acme/cli/-/releases/v1/downloads/bin/cli',
    {
      type: 'asset',
      project: 'acme/cli',
      tag: 'v1',
      file: 'bin/cli',
    },
    { canonical: '/acme/cli/releases/download/v1/bin/cli' },
  ),
  of(
    "the latest file, as GitLab's",
    '/cli/-/releases/permalink/latest/downloads/bin/cli',
    {
      type: 'latest-asset',
      project,
      file: 'bin/cli',
    },
    { canonical: '/cli/releases/latest/download/bin/cli' },
  ),
  of(
    "the latest release, as GitLab's",
    '/cli/-/releases/permalink/latest',
    { type: 'latest', project },
    {
      canonical: '/cli/releases/latest',
    },
  ),
  of(
    "a release, as GitLab's",
    '/cli/-/releases/v1',
    { type: 'page', project, tag: 'v1' },
    {
      canonical: '/cli/releases/tag/v1',
    },
  ),
  of(
    "an archive, as GitLab's",
    '/cli/-/archive/feature/x/cli-feature-x.tar.gz',
    {
      type: 'archive',
      project,
      ref: 'feature/x',
      format: 'tar.gz',
    },
    { canonical: '/cli/archive/feature/x.tar.gz' },
  ),
  of(
    "a raw file, as GitLab's",
    '/cli/-/raw/main/a/b',
    { type: 'raw', project, ref: 'main', path: 'a/b' },
    {
      canonical: '/cli/raw/main/a/b',
    },
  ),
  none('the root', '/'),
  none('a project', '/cli'),
  none('all releases', '/cli/releases'),
  none('a release without a tag', '/cli/releases/tag'),
  none('a release and more', '/cli/releases/tag/v1/x'),
  none('a file without a tag', '/cli/releases/download/v1'),
  none('what is not latest', '/cli/releases/latest/cli.tgz'),
  none('a file without a name', '/cli/releases/latest/download'),
  none('a tag that starts with a slash', '/cli/releases/download/%2Fv1/cli'),
  none('an archive of another format', '/cli/archive/main.rar'),
  none('an archive of nothing', '/cli/archive/.tar.gz'),
  none('an archive that climbs', '/cli/archive/x/...tar.gz'),
  none('an archive that climbs, encoded', '/cli/archive/%2e.tar.gz'),
  none('a raw file without a path', '/cli/raw/main'),
  none('a raw file of a reference that is no name', '/cli/raw/a%2F%2Fb/x'),
  none('two slashes', '/cli//releases/latest'),
  none('another service of git', '/cli.git/info/refs', 'GET', 'service=git-upload-archive'),
  none('a repository without a name', '/.git/info/refs'),
  none('a pack by GET', '/cli.git/git-upload-pack'),
  none('locks of large files', '/cli.git/info/lfs/locks', 'POST'),
  none('a file of a repository that git does not ask for', '/cli.git/objects/config'),
  none('a change of a release', '/cli/releases/latest', 'POST'),
  none('references by POST', '/cli.git/info/refs', 'POST'),
  none("an archive without a name, as GitLab's", '/cli/-/archive/main'),
  none("other things of GitLab's", '/cli/-/issues/1'),
  none("other things of a release of GitLab's", '/cli/-/releases/v1/evidences/1'),
  none('a name in too many groups', `/${'a/'.repeat(40)}releases/latest`),
]);

const hosts = {
  github: 'github:acme/cli',
  gitlab: 'gitlab:acme/tools/cli',
  gitea: 'gitea:https://git.example/acme/cli',
  bitbucket: 'bitbucket:acme/cli',
  sourceforge: 'sourceforge:acme/cli',
  'github-api': 'github-api:acme/cli',
  template: 'https://dl.example/cli/:tag/:file?x=1',
  mirror: 'dl.example/same/cli',
} as const;
type Host = keyof typeof hosts;

const origins: Readonly<Record<Host, string>> = {
  github: 'https://github.com/acme/cli',
  gitlab: 'https://gitlab.com/acme/tools/cli',
  gitea: 'https://git.example/acme/cli',
  bitbucket: 'https://bitbucket.org/acme/cli',
  sourceforge: 'https://downloads.sourceforge.net/project/acme/cli',
  'github-api': 'https://api.github.com/repos/acme/cli',
  template: 'https://dl.example/cli',
  mirror: 'https://dl.example/same/cli',
};

function decideAt(config: RuleConfig, target: string, method = 'GET'): string {
  const [path = '', query] = target.split('?');
  const ruleSet = compileRules([rule(forge, config)]);
  const decision = decide(ruleSet, { method, scheme: 'https', host: 'get.acme.example', path, query });
  if (decision.type === 'redirect') return `${decision.status} ${decision.location}`;
  if (decision.type === 'proxy') return `${decision.delivery} ${decision.target}`;
  return decision.type === 'respond' ? `${decision.status} answered` : decision.type;
}

const sha = '0123456789abcdef0123456789abcdef01234567';

/** What follows the address of the project; `-` for what is answered 404, and a word for what else becomes of it. */
const table: readonly (readonly [path: string, leads: Readonly<Partial<Record<Host, string>>>])[] = [
  [
    'releases/download/v1.2.0/cli%2B_linux.tgz?q=%2F',
    {
      github: '/releases/download/v1.2.0/cli%2B_linux.tgz?q=%2F',
      gitlab: '/-/releases/v1.2.0/downloads/cli%2B_linux.tgz?q=%2F',
      gitea: '/releases/download/v1.2.0/cli%2B_linux.tgz?q=%2F',
      bitbucket: '/downloads/cli%2B_linux.tgz?q=%2F',
      sourceforge: '/v1.2.0/cli%2B_linux.tgz?q=%2F',
      'github-api': 'carry',
      template: '/v1.2.0/cli%2B_linux.tgz?x=1&q=%2F',
    },
  ],
  [
    'releases/download/%40acme%2Fcli%401.0/bin/cli.sha256',
    {
      github: '/releases/download/%40acme%2Fcli%401.0/bin/cli.sha256',
      gitlab: '/-/releases/%40acme%2Fcli%401.0/downloads/bin/cli.sha256',
      gitea: '/releases/download/%40acme%2Fcli%401.0/bin/cli.sha256',
      bitbucket: '/downloads/bin/cli.sha256',
      sourceforge: '/%40acme/cli%401.0/bin/cli.sha256',
      'github-api': 'carry',
      template: '/%40acme%2Fcli%401.0/bin/cli.sha256?x=1',
    },
  ],
  ...['releases/latest', 'releases/latest/download/cli.tgz'].map(
    (path): readonly [string, Readonly<Partial<Record<Host, string>>>] => [
      path,
      {
        github: 'carry',
        gitlab: 'carry',
        gitea: 'carry',
        bitbucket: '-',
        sourceforge: 'carry',
        'github-api': 'carry',
        template: '-',
      },
    ],
  ),
  [
    'releases/tag/v1.2.0',
    {
      github: '/releases/tag/v1.2.0',
      gitlab: '/-/releases/v1.2.0',
      gitea: '/releases/tag/v1.2.0',
      bitbucket: '/src/v1.2.0/',
      sourceforge: '200 answered',
      'github-api': '200 answered',
      template: '200 answered',
    },
  ],
  [
    'archive/refs/tags/v1.2.0.tar.gz',
    {
      github: '/archive/refs/tags/v1.2.0.tar.gz',
      gitlab: '/-/archive/v1.2.0/cli-v1.2.0.tar.gz',
      gitea: '/archive/v1.2.0.tar.gz',
      bitbucket: '/get/v1.2.0.tar.gz',
      sourceforge: '-',
      'github-api': '/tarball/refs/tags/v1.2.0',
      template: '-',
    },
  ],
  ...['archive/refs/heads/feature/x.zip', 'archive/refs/heads/feature%2Fx.zip'].map(
    (path): readonly [string, Readonly<Partial<Record<Host, string>>>] => [
      path,
      {
        github: '/archive/refs/heads/feature/x.zip',
        gitlab: '/-/archive/feature/x/cli-feature-x.zip',
        gitea: '/archive/feature/x.zip',
        bitbucket: '/get/feature/x.zip',
        sourceforge: '-',
        'github-api': '/zipball/refs/heads/feature/x',
        template: '-',
      },
    ],
  ),
  [
    `archive/${sha}.tar.gz`,
    {
      github: `/archive/${sha}.tar.gz`,
      gitlab: `/-/archive/${sha}/cli-${sha}.tar.gz`,
      gitea: `/archive/${sha}.tar.gz`,
      bitbucket: `/get/${sha}.tar.gz`,
      sourceforge: '-',
      'github-api': `/tarball/${sha}`,
      template: '-',
    },
  ],
  [
    'raw/main/docs/r%C3%A9ad%20me.md',
    {
      github: '/raw/main/docs/r%C3%A9ad%20me.md',
      gitlab: '/-/raw/main/docs/r%C3%A9ad%20me.md',
      gitea: '/raw/main/docs/r%C3%A9ad%20me.md',
      bitbucket: '/raw/main/docs/r%C3%A9ad%20me.md',
      sourceforge: '-',
      'github-api': 'carry',
      template: '-',
    },
  ],
  [
    'raw/refs/heads/feature%2Fx/install.sh',
    {
      github: '/raw/refs/heads/feature/x/install.sh',
      gitlab: '/-/raw/feature/x/install.sh',
      gitea: '/raw/branch/feature/x/install.sh',
      bitbucket: '/raw/feature%2Fx/install.sh',
      sourceforge: '-',
      'github-api': 'carry',
      template: '-',
    },
  ],
  [
    'raw/refs/tags/v1/install.sh',
    {
      github: '/raw/refs/tags/v1/install.sh',
      gitlab: '/-/raw/v1/install.sh',
      gitea: '/raw/tag/v1/install.sh',
      bitbucket: '/raw/v1/install.sh',
      sourceforge: '-',
      'github-api': 'carry',
      template: '-',
    },
  ],
  [
    `raw/${sha}/install.sh`,
    {
      github: `/raw/${sha}/install.sh`,
      gitlab: `/-/raw/${sha}/install.sh`,
      gitea: `/raw/commit/${sha}/install.sh`,
      bitbucket: `/raw/${sha}/install.sh`,
      sourceforge: '-',
      'github-api': 'carry',
      template: '-',
    },
  ],
  [
    'info/refs?service=git-upload-pack',
    {
      github: '.git/info/refs?service=git-upload-pack',
      gitlab: '.git/info/refs?service=git-upload-pack',
      gitea: '.git/info/refs?service=git-upload-pack',
      bitbucket: '.git/info/refs?service=git-upload-pack',
      sourceforge: '-',
      'github-api': '-',
      template: '-',
    },
  ],
  [
    'info/refs?service=git-receive-pack',
    {
      github: '403 answered',
      gitlab: '403 answered',
      gitea: '403 answered',
      bitbucket: '403 answered',
      sourceforge: '403 answered',
      'github-api': '403 answered',
      template: '403 answered',
    },
  ],
];

/** A mirror has the paths that there are here. */
function mirrored(path: string): string {
  if (path.startsWith('releases/latest')) return 'carry';
  return path.endsWith('git-receive-pack') ? '403 answered' : `/${path}`;
}

const cells = table.flatMap(([path, leads]) =>
  Object.entries({ ...leads, mirror: mirrored(path) }).map(
    ([host, lead]) => [path, host as Host, lead] as const,
  ),
);

describe('a path leads', () => {
  test.each(cells)('%s at %s: %s', (path, host, lead) => {
    const expected = lead.startsWith('/') || lead.startsWith('.') ? `302 ${origins[host]}${lead}` : lead;
    const to = hosts[host];
    const found = [
      decideAt({ match: 'cli', to }, `/cli/${path}`),
      decideAt({ match: 'tools/:any', to }, `/tools/cli/${path}`),
      // The project needs no name where the mount has it.
      decideAt({ at: '/cli/', to }, `/cli/${path}`),
      decideAt({ to }, `/${path}`),
    ];
    for (const decision of found) expect(decision).toBe(expected === '-' ? '404 answered' : expected);
  });

  test('the same with .git behind the name, to what git asks for', () => {
    const config = { match: 'cli', to: 'github:acme/cli.git' };
    const refs = '302 https://github.com/acme/cli.git/info/refs';
    expect(decideAt(config, '/cli.git/info/refs')).toBe(refs);
    expect(decideAt(config, '/cli.git/git-upload-pack', 'POST')).toBe(
      '307 https://github.com/acme/cli.git/git-upload-pack',
    );
  });
});

test.each<[to: string, match: string | undefined, path: string, location: string]>([
  [
    'github:acme',
    undefined,
    '/cli/releases/download/v1/x',
    'https://github.com/acme/cli/releases/download/v1/x',
  ],
  ['github:acme/:name', 'old/:name', '/old/cli/raw/main/x', 'https://github.com/acme/cli/raw/main/x'],
  [
    'github:https://github.com',
    undefined,
    '/acme/cli/archive/main.zip',
    'https://github.com/acme/cli/archive/main.zip',
  ],
  [
    'github:https://github.acme.example/acme/cli',
    'cli',
    '/cli/raw/main/x',
    'https://github.acme.example/acme/cli/raw/main/x',
  ],
  [
    'gitlab:https://gitlab.acme.example/a/b/c/cli/',
    'cli',
    '/cli/archive/v1.zip',
    'https://gitlab.acme.example/a/b/c/cli/-/archive/v1/cli-v1.zip',
  ],
  ['gitlab:acme/*rest', '*rest', '/a/b/cli/releases/tag/v1', 'https://gitlab.com/acme/a/b/cli/-/releases/v1'],
  ['codeberg:acme/cli', 'cli', '/cli/archive/v1.zip', 'https://codeberg.org/acme/cli/archive/v1.zip'],
  [
    'forgejo:https://git.example/cli',
    'cli',
    '/cli/raw/refs/tags/v1/x',
    'https://git.example/cli/raw/tag/v1/x',
  ],
  [
    'https://codeberg.org/acme/cli.git',
    'cli',
    '/cli/raw/refs/tags/v1/x',
    'https://codeberg.org/acme/cli/raw/tag/v1/x',
  ],
  ['gitlab.com/acme/cli', 'cli', '/cli/raw/main/x', 'https://gitlab.com/acme/cli/-/raw/main/x'],
  [
    'sourceforge:acme',
    undefined,
    '/releases/download/1.0/x',
    'https://downloads.sourceforge.net/project/acme/1.0/x',
  ],
  ['constructor/acme/cli', 'cli', '/cli/raw/main/x', 'https://constructor/acme/cli/raw/main/x'],
  ['dl.example/:file?tag=:tag', 'cli', '/cli/releases/download/v1/a/b', 'https://dl.example/a/b?tag=v1'],
])('%s of %s has %s at %s', (to, match, path, location) => {
  expect(decideAt({ match, to }, path)).toBe(`302 ${location}`);
});

test.each<[to: string, says: RegExp]>([
  ['gitea:acme/cli', /`gitea:https:\/\/git\.example\/acme\/cli`/],
  ['forgejo:', /`forgejo:https:\/\/git\.example\/owner\/project`/],
  ['github:', /names no project/],
  ['githb:acme/cli', /^There is no kind of host `githb`; did you mean `github`\?/],
  ['GitHub:acme/cli', /^There is no kind of host `GitHub`; did you mean `github`\?/],
  ['sourcehut:~acme/cli', /^There is no kind of host `sourcehut`; there is `github`, .*/],
  ['gitlab:/acme/cli', /names no project/],
  ['https://gitea.acme.example/acme/cli', /`gitea:https:\/\/gitea\.acme\.example\/acme\/cli`/],
  ['gitlab.acme.example/acme/cli', /`gitlab:https:\/\/gitlab\.acme\.example\/acme\/cli`/],
])('%j is no target: %s', (to, says) => {
  try {
    compileRules([rule(forge, { match: 'cli', to })]);
  } catch (error) {
    if (!isRuleError(error)) throw error;
    expect(error.issues).toMatchObject([{ code: 'invalid_target', message: expect.stringMatching(says) }]);
    return;
  }
  throw new Error('it was taken');
});

test.each<[title: string, options: Record<string, unknown>]>([
  ['an address without a scheme', { latest: 'dl.example/latest' }],
  ['an address whose host is the project', { latest: 'https://:project/latest' }],
  ['another way to say it', { latestFrom: 'xml' }],
  ['a path with an empty key', { latestPath: 'a..b' }],
  ['no time', { latestFor: 0 }],
  ['an option that there is not', { lastest: 'https://dl.example/' }],
])('%s is no option', (_, options) => {
  expect(() => compileRules([rule(forge, { match: 'cli', to: 'github:acme/cli', options })])).toThrow();
});

test.each<[path: string, purl: string | undefined]>([
  [
    '/cli/releases/download/v1.2.0/cli%2B.tgz?x=1',
    'pkg:generic/cli@v1.2.0?download_url=https%3A%2F%2Fget.acme.example%2Fcli%2Freleases%2Fdownload%2Fv1.2.0%2Fcli%252B.tgz',
  ],
  [
    '/acme/cli/archive/refs/tags/a%2Fb.zip',
    'pkg:generic/acme/cli@a%2Fb?download_url=https%3A%2F%2Fget.acme.example%2Facme%2Fcli%2Farchive%2Frefs%2Ftags%2Fa%252Fb.zip',
  ],
  [
    '/cli/raw/%ff/x',
    'pkg:generic/cli@%25ff?download_url=https%3A%2F%2Fget.acme.example%2Fcli%2Fraw%2F%25ff%2Fx',
  ],
  [
    '/cli/releases/latest/download/x',
    'pkg:generic/cli?download_url=https%3A%2F%2Fget.acme.example%2Fcli%2Freleases%2Flatest%2Fdownload%2Fx',
  ],
  ['/cli/releases/latest', undefined],
])('the package URL of %s is %s', (target, purl) => {
  const [path = '', query] = target.split('?');
  const resource = forge.parse({ method: 'GET', path, query });
  expect(resource && forge.purl?.(resource, 'https://get.acme.example')).toBe(purl);
  if (purl) expect(parsePurl(purl).type).toBe('generic');
});

test('the package URL of a project that is the mount has the name of the mount', () => {
  const resource = { type: 'archive', project: '', ref: 'main', format: 'zip' } as const;
  expect(forge.purl?.(resource, 'https://get.acme.example/cli')).toMatch(/^pkg:generic\/cli@main\?/);
});

test('the page of a tag that is no text has it as it is', () => {
  const upstream = { ...upstreamOf('https://dl.example'), kind: 'address' };
  const delivery = forge.deliver({ type: 'page', project: '', tag: '%ff' }, contextOf('auto', upstream));
  expect(delivery).toMatchObject({ type: 'respond', answer: { status: 200, body: '%ff\n' } });
});

test('what known hosts lead to is known', () => {
  expect(forge.leadsTo?.(upstreamOf('https://github.com'))).toContain('codeload.github.com');
  expect(forge.leadsTo?.(upstreamOf('https://git.example'))).toEqual([]);
});

describe('at every kind of host, whatever is asked for', () => {
  const kindsOfHosts = ['github', 'github-api', 'gitlab', 'gitea', 'bitbucket', 'sourceforge', 'address'];
  const words = [
    'a',
    'v1',
    'refs',
    'heads',
    'tags',
    '-',
    '..x',
    'x..',
    '%2E',
    '.',
    '..',
    '%2F',
    '%2f',
    '%5C',
    '%25',
  ];
  const more = [
    'feature%2Fx',
    '%2E%2E',
    '.git',
    'raw',
    'archive',
    'releases',
    'download',
    'latest',
    'x;y',
    '@:',
    '%ff',
  ];
  const text = fc
    .array(fc.constantFrom(...words, ...more), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join(''));
  const path = fc.array(text, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const asked = fc.oneof(
    fc.tuple(text, path).map(([tag, file]) => `/cli/releases/download/${tag}/${file}`),
    path.map((file) => `/cli/releases/latest/download/${file}`),
    text.map((tag) => `/cli/releases/tag/${tag}`),
    fc.constant('/cli/releases/latest'),
    fc.tuple(path, fc.constantFrom('zip', 'tar.gz')).map(([ref, format]) => `/cli/archive/${ref}.${format}`),
    fc.tuple(path, path).map(([ref, file]) => `/cli/raw/${ref}/${file}`),
    fc.constant('/cli.git/info/refs'),
  );

  test.each(kindsOfHosts)(
    '%s has it below the project, at an address that a URL parser leaves as it is',
    (kind) => {
      const upstream = { ...upstreamOf('https://host.example'), kind };
      let written = 0;
      fc.assert(
        fc.property(asked, (path) => {
          if (findRequestProblem({ method: 'GET', scheme: 'https', host: 'get.acme.example', path })) return;
          const resource = forge.parse({ method: 'GET', path });
          const renamed = resource && forge.rename?.(resource, 'acme/cli', upstream);
          if (!renamed) return;
          written++;
          const formatted = forge.format(renamed);
          expect(formatted).toMatch(/^\/acme\/cli(?:$|[./])/);
          expect(hasDotSegment(formatted)).toBe(false);
          expect(formatted).not.toContain('//');
          expect(new URL(upstream.origin + formatted).href).toBe(upstream.origin + formatted);
        }),
        { numRuns: 1500 },
      );
      expect(written).toBeGreaterThan(100);
    },
  );
});
