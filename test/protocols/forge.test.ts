import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { isRuleError } from '../../src/core/errors.ts';
import { type RuleConfig, rule } from '../../src/core/rule.ts';
import { type ForgeResource, forge } from '../../src/protocols/forge.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { startUpstream, unusedOrigin } from '../gateway/upstream.ts';
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
const table: readonly (readonly [path: string, leads: Readonly<Record<Host, string>>])[] = [
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
    (path): readonly [string, Readonly<Record<Host, string>>] => [
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
    (path): readonly [string, Readonly<Record<Host, string>>] => [
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
const cells = table.flatMap(([path, leads]) =>
  Object.entries(leads).map(([host, lead]) => [path, host as Host, lead] as const),
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
  ['dl.example/:file?tag=:tag', 'cli', '/cli/releases/download/v1/a/b', 'https://dl.example/a/b?tag=v1'],
])('%s of %s has %s at %s', (to, match, path, location) => {
  expect(decideAt({ match, to }, path)).toBe(`302 ${location}`);
});

test.each<[to: string, says: RegExp]>([
  ['gitea:acme/cli', /`gitea:https:\/\/git\.example\/acme\/cli`/],
  ['forgejo:', /`forgejo:https:\/\/git\.example\/owner\/project`/],
  ['github:', /names no project/],
  ['gitlab:/acme/cli', /names no project/],
  ['https://git.acme.example/acme/cli', /`gitea:https:\/\/git\.acme\.example\/acme\/cli`/],
  ['constructor:acme/cli', /does not say what kind/],
  ['https://constructor/acme/cli', /does not say what kind/],
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

describe('the latest release', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };

  /** An upstream with an answer for each path, and a gateway in front of it. */
  async function front(
    answers: Readonly<Record<string, string | { status: number; location?: string; body?: string }>>,
    config: (origin: string) => RuleConfig,
  ) {
    const upstream = await startUpstream((request, response) => {
      const answer = answers[request.url ?? ''] ?? { status: 404 };
      const {
        status,
        location,
        body = '',
      } = typeof answer === 'string' ? { status: 302, location: answer } : { location: undefined, ...answer };
      const { origin } = upstream;
      const headers = location === undefined ? JSON_TYPE : { location: location.replace('{own}', origin) };
      response.writeHead(status, headers).end(body.replaceAll('{own}', origin));
    });
    const gateway = await serve([rule(forge, { match: 'cli', ...config(upstream.origin) })]);
    return { upstream, gateway };
  }

  const at = (kind: string, path: string, options?: Record<string, unknown>) => (origin: string) => ({
    to: `${kind}:${origin}${path}`,
    ...(options && { options }),
  });
  const said = (options: Record<string, unknown>) => (origin: string) => ({
    to: `${origin}/dl/:tag/:file`,
    options: { latest: `${origin}/which/:project`, ...options },
  });
  const text = (body: string) => ({ status: 200, body });

  type Answers = Parameters<typeof front>[0];
  test.each<
    [title: string, answers: Answers, config: (origin: string) => RuleConfig, tag: string, file: string]
  >([
    [
      'GitHub says by a redirect to its page',
      { '/acme/cli/releases/latest': '{own}/acme/cli/releases/tag/v1.2.0' },
      at('github', '/acme/cli'),
      'v1.2.0',
      '/acme/cli/releases/download/v1.2.0/x%2By',
    ],
    [
      'GitHub says of a project that was renamed, of a tag with slashes',
      {
        '/acme/cli/releases/latest': { status: 301, location: '{own}/new/cli/releases/latest' },
        '/new/cli/releases/latest': '/new/cli/releases/tag/a/b%2Fc',
      },
      at('github', '/acme/cli'),
      'a%2Fb%2Fc',
      '/acme/cli/releases/download/a%2Fb%2Fc/x%2By',
    ],
    [
      'GitLab says by a permanent link',
      { '/a/b/cli/-/releases/permalink/latest': '/a/b/cli/-/releases/v2' },
      at('gitlab', '/a/b/cli'),
      'v2',
      '/a/b/cli/-/releases/v2/downloads/x%2By',
    ],
    [
      'Gitea says by a redirect to its page',
      { '/git/acme/cli/releases/latest': { status: 303, location: '/git/acme/cli/releases/tag/v3' } },
      at('gitea', '/git/acme/cli'),
      'v3',
      '/git/acme/cli/releases/download/v3/x%2By',
    ],
    [
      'SourceForge says by the folder of its best file',
      { '/projects/acme/best_release.json': text('{"release":{"filename":"/cli/1.2 b/cli.tgz"}}') },
      at('sourceforge', '/project/acme'),
      'cli%2F1.2%20b',
      '/project/acme/cli/1.2%20b/x%2By',
    ],
    [
      'SourceForge says by the folder of its best file, below that of the rule',
      { '/projects/acme/best_release.json': text('{"release":{"filename":"/cli/1.2/cli.tgz"}}') },
      at('sourceforge', '/project/acme/cli'),
      '1.2',
      '/project/acme/cli/1.2/x%2By',
    ],
    [
      'an address of the rule says by a redirect',
      { '/which/cli': '/somewhere/v4/' },
      said({}),
      'v4',
      '/dl/v4/x%2By',
    ],
    [
      'an address of the rule says as text',
      { '/which/cli': text(' v5\nand more') },
      said({ latestFrom: 'text' }),
      'v5',
      '/dl/v5/x%2By',
    ],
    [
      'an address of the rule says as JSON',
      { '/which/cli': text('{"tag_name":"@acme/cli@1"}') },
      said({ latestFrom: 'json' }),
      '%40acme%2Fcli%401',
      '/dl/%40acme%2Fcli%401/x%2By',
    ],
    [
      'an address of the rule says deep in JSON, behind a redirect',
      { '/which/cli': '/deep', '/deep': text('{"a":[{"b":"v6"}]}') },
      said({ latestPath: 'a.0.b' }),
      'v6',
      '/dl/v6/x%2By',
    ],
    [
      'an address of the rule says it for a host that does not',
      { '/which/cli': text('v7') },
      (origin) => ({
        to: `bitbucket:${origin}/acme/cli`,
        options: { latest: `${origin}/which/cli`, latestFrom: 'text' },
      }),
      'v7',
      '/acme/cli/downloads/x%2By',
    ],
  ])('is what %s', async (_, answers, config, tag, file) => {
    const { gateway, upstream } = await front(answers, config);
    const asked = Object.keys(answers).length;
    for (let count = 0; count < 2; count++) {
      expect(await ask(gateway.origin, '/cli/releases/latest')).toMatchObject({
        status: 302,
        headers: { location: `${gateway.origin}/cli/releases/tag/${tag}`, 'cache-control': 'no-store' },
        body: '',
      });
      expect(await ask(gateway.origin, '/cli/releases/latest/download/x%2By?q=1')).toMatchObject({
        status: 302,
        headers: { location: `${upstream.origin}${file}?q=1`, 'cache-control': 'no-store' },
        body: '',
      });
    }
    // The page of the release, to which hosts redirect, is not fetched.
    expect(upstream.paths.length).toBe(asked);
  });

  test.each<[title: string, answers: Answers, config: (origin: string) => RuleConfig, status: number]>([
    ['there is no such project', {}, at('github', '/acme/cli'), 404],
    [
      'there is no release yet',
      { '/acme/cli/releases/latest': '/acme/cli/releases', '/acme/cli/releases': text('') },
      at('github', '/acme/cli'),
      404,
    ],
    ['GitLab has none', {}, at('gitlab', '/acme/cli'), 404],
    [
      'GitLab goes round to its own link',
      { '/cli/-/releases/permalink/latest': { status: 404 } },
      at('gitlab', '/cli'),
      404,
    ],
    [
      'SourceForge has none',
      { '/projects/acme/best_release.json': text('{"release":null}') },
      at('sourceforge', '/project/acme'),
      404,
    ],
    [
      'the best file of SourceForge is of another folder',
      { '/projects/acme/best_release.json': text('{"release":{"filename":"/other/1/x"}}') },
      at('sourceforge', '/project/acme/cli'),
      404,
    ],
    [
      'the best file of SourceForge is in no folder',
      { '/projects/acme/best_release.json': text('{"release":{"filename":"/x"}}') },
      at('sourceforge', '/project/acme'),
      404,
    ],
    [
      'the host wants a credential',
      { '/acme/cli/releases/latest': { status: 401 } },
      at('github', '/acme/cli'),
      401,
    ],
    ['the host refuses it', { '/acme/cli/releases/latest': { status: 403 } }, at('github', '/acme/cli'), 403],
    [
      'the host is out of order',
      { '/acme/cli/releases/latest': { status: 500 } },
      at('github', '/acme/cli'),
      502,
    ],
    [
      'the host wants no more',
      { '/acme/cli/releases/latest': { status: 429 } },
      at('github', '/acme/cli'),
      429,
    ],
    [
      'the tag climbs',
      { '/acme/cli/releases/latest': '/acme/cli/releases/tag/%252e%252e' },
      at('github', '/acme/cli'),
      302,
    ],
    ['the text climbs', { '/which/cli': text('..') }, said({ latestFrom: 'text' }), 404],
    [
      'the text is one of control characters',
      { '/which/cli': text('a\rb') },
      said({ latestFrom: 'text' }),
      404,
    ],
    ['the text is empty', { '/which/cli': text('\n') }, said({ latestFrom: 'text' }), 404],
    [
      'the text is too long',
      { '/which/cli': text('x'.repeat(2_000_000)) },
      said({ latestFrom: 'text' }),
      502,
    ],
    [
      'the text is as long as no tag',
      { '/which/cli': text('x'.repeat(2000)) },
      said({ latestFrom: 'text' }),
      404,
    ],
    ['there is no text', {}, said({ latestFrom: 'text' }), 404],
    ['there is no redirect', { '/which/cli': text('v1') }, said({}), 404],
    ['the redirect has no tag', { '/which/cli': '/' }, said({}), 404],
    ['the document is none', { '/which/cli': text('v1') }, said({ latestFrom: 'json' }), 502],
    ['the document has no tag', { '/which/cli': text('{"tag_name":1}') }, said({ latestFrom: 'json' }), 404],
    ['the document is no object', { '/which/cli': text('1') }, said({ latestFrom: 'json' }), 404],
    ['the document is refused', { '/which/cli': { status: 403 } }, said({ latestFrom: 'json' }), 403],
    [
      'the tag in it is half a character',
      { '/which/cli': text('{"tag_name":"\\ud800"}') },
      said({ latestFrom: 'json' }),
      502,
    ],
  ])('is not known when %s', async (_, answers, config, status) => {
    const { gateway } = await front(answers, config);
    for (const path of ['/cli/releases/latest', '/cli/releases/latest/download/x'])
      expect(await ask(gateway.origin, path)).toMatchObject({
        status,
        body: status === 302 ? '' : expect.stringMatching(/\.\n$/),
      });
  });

  test('is asked for again after its time, and once for all who wait', async () => {
    let tag = 'v1';
    const upstream = await startUpstream((_, response) => {
      setTimeout(() => response.writeHead(302, { location: `/acme/cli/releases/tag/${tag}` }).end(), 50);
    });
    const gateway = await serve([
      rule(forge, { match: 'cli', to: `github:${upstream.origin}/acme/cli`, options: { latestFor: 1 } }),
    ]);
    const read = async () =>
      (await ask(gateway.origin, '/cli/releases/latest')).headers.location?.split('/').at(-1);
    const many = await Promise.all(Array.from({ length: 200 }, read));
    expect(new Set(many)).toEqual(new Set(['v1']));
    expect(upstream.paths).toEqual(['/acme/cli/releases/latest']);
    tag = 'v2';
    expect(await read()).toBe('v1');
    await expect.poll(read, { timeout: 5000, interval: 100 }).toBe('v2');
  });

  test('is told by the next host when one is down, and that there is none', async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(302, { location: '/acme/cli/releases/tag/v1' }).end();
    });
    const down = `github:${await unusedOrigin()}/acme/cli`;
    const path = '/cli/releases/latest/download/x';
    const gateway = await serve([
      rule(forge, { match: 'cli', to: [down, `github:${upstream.origin}/acme/cli`] }),
    ]);
    expect(await ask(gateway.origin, path)).toMatchObject({
      status: 302,
      headers: { location: `${upstream.origin}/acme/cli/releases/download/v1/x` },
    });
    const alone = await serve([rule(forge, { match: 'cli', to: down })]);
    const { status, headers, body } = await ask(alone.origin, path);
    expect([502, 503]).toContain(status);
    expect(headers['retry-after']).toBeDefined();
    expect(body).toMatch(/^The upstream .*\.\n$/);
  });
});

describe("GitHub's API", () => {
  /** An API that takes one token, and sends to a store that takes none. */
  async function front(mode: RuleConfig['mode'], token: string | undefined = 'good') {
    const store = await startUpstream((request, response) => {
      if (request.headers.authorization) response.writeHead(400).end();
      else response.writeHead(200, { 'content-disposition': 'attachment' }).end(`bytes of ${request.url}`);
    }, '127.0.0.3');
    const api = await startUpstream((request, response) => {
      const { url = '', headers } = request;
      const release = { tag_name: 'v1', assets: [{ name: 'a+b', id: 7 }, { name: 'other', id: 'x' }, 1] };
      if (headers.authorization !== 'Bearer good') response.writeHead(token === 'bad' ? 403 : 401).end();
      else if (url.endsWith('/assets/7') && headers.accept === 'application/octet-stream')
        response.writeHead(302, { location: `${store.origin}/signed?x=%2B` }).end();
      else if (/\/releases\/(?:tags\/v1|latest)$/.test(url)) response.end(JSON.stringify(release));
      else if (
        url.startsWith('/repos/acme/cli/contents/') &&
        headers.accept === 'application/vnd.github.raw+json'
      )
        response.end(`raw ${url}`);
      else if (url.startsWith('/repos/acme/cli/tarball/'))
        response.writeHead(302, { location: `${store.origin}/codeload` }).end();
      else response.writeHead(404).end();
    });
    const gateway = await serve([
      rule(forge, {
        match: 'cli',
        to: { url: `github-api:${api.origin}/repos/acme/cli`, allow: [store.host] },
        ...(mode && { mode }),
        ...(token && { auth: { token } }),
      }),
    ]);
    return { gateway, api, store };
  }

  test.each<[mode: RuleConfig['mode'], path: string, expected: string]>([
    ['auto', '/cli/releases/download/v1/a%2Bb', '302 /signed?x=%2B'],
    ['auto', '/cli/releases/latest/download/a+b', '302 /signed?x=%2B'],
    ['auto', '/cli/archive/refs/tags/v1.tar.gz', '302 /codeload'],
    ['auto', '/cli/raw/refs/heads/a%2Fb+c/x.sh', '200 raw /repos/acme/cli/contents/x.sh?ref=a/b%2Bc'],
    ['proxy', '/cli/releases/download/v1/a%2Bb', '200 bytes of /signed?x=%2B'],
    ['redirect', '/cli/releases/latest/download/a%2Bb', '200 bytes of /signed?x=%2B'],
    ['auto', '/cli/releases/download/v1/other', '404 The release has no such file.'],
    ['auto', '/cli/releases/download/v1/%ff', '404 The release has no such file.'],
    ['auto', '/cli/releases/download/v2/a%2Bb', '404 There is no such release.'],
  ])('in mode %s has %s: %s', async (mode, path, expected) => {
    const { gateway, api, store } = await front(mode);
    for (let count = 0; count < 2; count++) {
      const { status, headers, body } = await ask(gateway.origin, path);
      expect(`${status} ${headers.location?.replace(store.origin, '') ?? body.trim()}`).toBe(expected);
    }
    // What a release has is asked once.
    expect(
      api.paths.filter((asked) => /tags|latest/.test(asked) && !/tarball/.test(asked)).length,
    ).toBeLessThan(2);
  });

  test('tells the latest release', async () => {
    const { gateway } = await front('auto');
    expect((await ask(gateway.origin, '/cli/releases/latest')).headers.location).toBe(
      `${gateway.origin}/cli/releases/tag/v1`,
    );
    expect(await ask(gateway.origin, '/cli/releases/tag/v1')).toMatchObject({ status: 200, body: 'v1\n' });
  });

  test.each([
    ['without a token', undefined, 401],
    ['with a token that is not taken', 'bad', 403],
  ])('refuses %s, and is asked again', async (_, token, status) => {
    const { gateway, api } = await front('auto', token ?? '');
    for (let count = 0; count < 2; count++)
      expect(await ask(gateway.origin, '/cli/releases/download/v1/a')).toMatchObject({ status });
    expect(api.paths.length).toBe(2);
  });
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
