import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { createCleanup } from './lab/cleanup.ts';
import { startForwardProxy } from './lab/forward-proxy.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { createGoProject, type GoProject } from './programs/go.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { createRepository, startGitHost } from './upstreams/git-host.ts';
import { packGoModule, startGoProxy } from './upstreams/go-proxy.ts';

const path = 'go.acme.example/greet';
const files = {
  'go.mod': `module ${path}\n\ngo 1.19\n`,
  'greet.go': 'package greet\n',
  'text/text.go': 'package text\n\nfunc Greet() string { return "hello from a repository" }\n',
};
const main = `package main

import (
	"fmt"

	"${path}/text"
)

func main() { fmt.Println(text.Greet()) }
`;
const firstLine = 'to: http://git.example/acme/:name?vcs=git';

const cleanup = createCleanup();
let turnout: Turnout;
let before: RecordingServer;
let after: RecordingServer;
let modules: RecordingServer;
let project: GoProject;

beforeAll(async () => {
  const repository = await cleanup.use(createRepository(files, 'v1.2.0'));
  before = await cleanup.use(startGitHost(repository, '/acme/greet'));
  after = await cleanup.use(startGitHost(repository, '/scm/go/greeting.git'));
  modules = await cleanup.use(startGoProxy([await packGoModule(path, 'v1.2.0', files)], '/go'));
  turnout = await cleanup.use(
    startTurnout(`rules:
  - name: imports
    host: go.acme.example
    protocol: vanity
    match: ":name"
    ${firstLine}
`),
  );
  const proxy = await cleanup.use(
    startForwardProxy({
      'go.acme.example': turnout.origin,
      'git.example': before.origin,
      'code.example': after.origin,
      'goproxy.example': modules.origin,
    }),
  );
  project = await cleanup.use(
    createGoProject(main, {
      GOPROXY: 'direct',
      GOINSECURE: '*.example',
      GOVCS: '*:git',
      http_proxy: proxy.origin,
      https_proxy: proxy.origin,
    }),
  );
});
beforeEach(() => {
  for (const host of [before, after, modules]) host.forget();
  turnout.forget();
});
afterAll(() => cleanup.run());

/** Fetches what is locked once more, and runs it. */
async function buildAgain(): Promise<void> {
  const locked = await project.locked();
  await project.clean();
  const downloaded = await project.go('mod', 'download');
  expect(downloaded.ok, downloaded.output).toBe(true);
  const verified = await project.go('mod', 'verify');
  expect(verified.output).toBe('all modules verified\n');
  const ran = await project.go('run', '-mod=readonly', '.');
  expect(ran.output).toBe('hello from a repository\n');
  expect(await project.locked()).toBe(locked);
  expect(turnout.access().map((record) => record.path)).toContain('/greet?go-get=1');
}

test('go finds the repository of a package by its import path', async () => {
  const got = await project.go('get', `${path}/text@latest`);
  expect(got.ok, got.output).toBe(true);
  const ran = await project.go('run', '.');
  expect(ran.output).toBe('hello from a repository\n');
  const asked = turnout.access().map((record) => [record.path, record.status]);
  expect(asked).toContainEqual(['/greet/text?go-get=1', 200]);
  expect(served(before.requests)).toContain('/acme/greet/info/refs?service=git-upload-pack');
  const locked = await project.locked();
  expect(locked).toContain(`${path} v1.2.0 h1:`);
  expect(locked).not.toContain('git.example');
});

test('the same go.sum builds when the repository has moved', async () => {
  await turnout.edit(firstLine, 'to: http://code.example/scm/go/:"name"ing.git');
  await buildAgain();
  expect(served(after.requests)).not.toEqual([]);
  expect(before.requests).toEqual([]);
});

test('the same go.sum builds when the module has moved to a module proxy', async () => {
  await turnout.edit(
    'to: http://code.example/scm/go/:"name"ing.git',
    'to: http://goproxy.example/go?vcs=mod',
  );
  await buildAgain();
  expect(served(modules.requests)).toContain(`/go/${path}/@v/v1.2.0.zip`);
  expect([...before.requests, ...after.requests]).toEqual([]);
});

test('go says which import path leads nowhere', async () => {
  await turnout.edit('match: ":name"', 'match: greet');
  const got = await project.go('get', 'go.acme.example/other');
  expect(got.ok).toBe(false);
  expect(got.output).toMatch(/go\.acme\.example\/other.*404 Not Found/s);
});
