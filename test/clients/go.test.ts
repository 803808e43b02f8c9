import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { toNodeHandler } from '../../src/adapters/node.ts';
import { compileRules } from '../../src/core/compile.ts';
import { rule } from '../../src/core/rule.ts';
import { go } from '../../src/protocols/go.ts';
import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { startSecureServer } from './lab/secure-server.ts';
import { createTemporaryFolder } from './lab/temporary-folder.ts';
import { createGoProject, type GoProject } from './programs/go.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { type GoModule, packGoModule, startGoProxy } from './upstreams/go-proxy.ts';

const main = `package main

import (
	"fmt"

	"acme.example/Greet/text"
)

func main() { fmt.Println(text.Greet()) }
`;
const cleanup = createCleanup();
let modules: readonly GoModule[];
let proxies: Readonly<Record<'old' | 'moved' | 'locked', RecordingServer>>;

beforeAll(async () => {
  modules = [
    await packGoModule('acme.example/Greet', 'v1.2.0', {
      'go.mod': 'module acme.example/Greet\n\ngo 1.19\n\nrequire acme.example/words v0.1.0\n',
      'text/text.go':
        'package text\n\nimport "acme.example/words"\n\nfunc Greet() string { return words.Hello + " from a module" }\n',
    }),
    await packGoModule('acme.example/words', 'v0.1.0', {
      'go.mod': 'module acme.example/words\n\ngo 1.19\n',
      'words.go': 'package words\n\nconst Hello = "hello"\n',
    }),
  ];
  proxies = {
    old: await cleanup.use(startGoProxy(modules, '/old')),
    moved: await cleanup.use(startGoProxy(modules, '/repositories/go')),
    locked: await cleanup.use(startGoProxy(modules, '', 's3cret')),
  };
});
beforeEach(() => {
  for (const proxy of Object.values(proxies)) proxy.forget();
});
afterAll(() => cleanup.run());

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['protocol: go', 'at: /go/', `to: ${to}`, ...more].map((line) => `    ${line}\n`);
  return cleanup.use(startTurnout(`rules:\n  - name: modules\n${lines.join('')}`));
}

function createProject({ origin }: Turnout, more = ''): Promise<GoProject> {
  return cleanup.use(createGoProject(main, { GOPROXY: `${origin}/go${more}` }));
}

/** What go asked the gateway for and was served, with escaped capitals as they are. */
function asked(turnout: Turnout): string[] {
  const fine = turnout.access().filter(({ status }) => status < 400);
  return fine.map(({ path }) => decodeURIComponent(path));
}

const zips = ['/go/acme.example/!greet/@v/v1.2.0.zip', '/go/acme.example/words/@v/v0.1.0.zip'];

describe.each(['auto', 'proxy'])('in the mode %s', (mode) => {
  let turnout: Turnout;
  let project: GoProject;

  beforeAll(async () => {
    turnout = await start(`${proxies.old.origin}/old`, `mode: ${mode}`);
    project = await createProject(turnout);
  });

  test('go builds with modules that it asks the gateway for', async () => {
    const got = await project.go('get', 'acme.example/Greet/text@latest');
    expect(got.ok, got.output).toBe(true);
    const ran = await project.go('run', '.');
    expect(ran.output).toBe('hello from a module\n');
    for (const path of zips) expect(asked(turnout)).toContain(path);
    const zip = turnout.access().find(({ path }) => path.endsWith('.zip'));
    expect(zip?.type).toBe(mode === 'auto' ? 'redirect' : 'proxy');
  });

  test('what is locked names no host of the upstream', async () => {
    const locked = await project.locked();
    expect(locked).toContain('acme.example/Greet v1.2.0 h1:');
    expect(locked).toContain('acme.example/words v0.1.0 h1:');
    expect(locked).not.toMatch(/127\.0\.0/);
  });

  test('the same go.sum builds from another proxy, in another place', async () => {
    const locked = await project.locked();
    await turnout.edit(`${proxies.old.origin}/old`, `${proxies.moved.origin}/repositories/go`);
    await project.clean();
    turnout.forget();

    const downloaded = await project.go('mod', 'download');
    expect(downloaded.ok, downloaded.output).toBe(true);
    const verified = await project.go('mod', 'verify');
    expect(verified.output).toBe('all modules verified\n');
    const ran = await project.go('run', '-mod=readonly', '.');
    expect(ran.output).toBe('hello from a module\n');

    expect(await project.locked()).toBe(locked);
    for (const path of zips) expect(asked(turnout)).toContain(path);
    expect(served(proxies.moved.requests).filter((url) => url.endsWith('.zip'))).toHaveLength(2);
    expect(proxies.old.requests).toEqual([]);
  });
});

describe('a proxy behind', () => {
  test('does not know a module, and go says so', async () => {
    const project = await createProject(await start(`${proxies.old.origin}/old`));
    const got = await project.go('get', 'acme.example/nothing@v1.0.0');
    expect(got.ok).toBe(false);
    expect(got.output).toMatch(/acme\.example\/nothing@v1\.0\.0.*404 Not Found/s);
  });

  test('is not asked for what no rule has, and then go asks the next one', async () => {
    const turnout = await start(`${proxies.old.origin}/old`, 'match: acme.example/Greet');
    const other = await start(`${proxies.moved.origin}/repositories/go`);
    const project = await createProject(turnout, `,${other.origin}/go`);
    const got = await project.go('get', 'acme.example/Greet/text');
    expect(got.ok, got.output).toBe(true);
    expect(asked(turnout)).toContain(zips[0]);
    expect(asked(other)).toContain(zips[1]);
    expect(served(proxies.old.requests).filter((url) => url.includes('words'))).toEqual([]);
  });

  test('is down, and go says so', async () => {
    const down = await start(`http://127.0.0.2:${await freePort()}`, 'mode: proxy');
    const got = await (await createProject(down)).go('get', 'acme.example/Greet/text');
    expect(got.ok).toBe(false);
    expect(got.output).toMatch(/502 Bad Gateway.*The upstream gives no usable answer\./s);
  });

  test('may want a password that only the gateway has', async () => {
    const { origin } = proxies.locked;
    const open = await start(origin, 'mode: proxy');
    const refused = await (await createProject(open)).go('get', 'acme.example/Greet/text');
    expect(refused.ok).toBe(false);
    expect(refused.output).toContain('401 Unauthorized');

    const held = await start(origin, 'auth: { username: robot, password: s3cret }');
    const project = await createProject(held);
    const got = await project.go('get', 'acme.example/Greet/text');
    expect(got.ok, got.output).toBe(true);
    expect(served(proxies.locked.requests).filter((url) => url.endsWith('.zip'))).toHaveLength(2);
    expect(got.output + (await project.locked())).not.toContain('s3cret');
  });

  test('may want a password of each person', async () => {
    const rules = [rule(go, { at: '/go/', to: proxies.locked.origin, auth: 'client' })];
    // go shows a password over https only.
    const server = await cleanup.use(startSecureServer(toNodeHandler(compileRules(rules))));
    const folder = await cleanup.use(createTemporaryFolder());
    const NETRC = join(folder.path, 'netrc');
    await writeFile(NETRC, 'machine 127.0.0.1 login robot password s3cret\n');
    const trusting = { GOPROXY: `${server.origin}/go`, SSL_CERT_FILE: server.certificate };
    for (const [env, ok] of [
      [{}, false],
      [{ NETRC }, true],
    ] as const) {
      const project = await cleanup.use(createGoProject(main, { ...trusting, ...env }));
      const got = await project.go('get', 'acme.example/Greet/text');
      expect(got.ok, got.output).toBe(ok);
      if (!ok) expect(got.output).toContain('401 Unauthorized');
    }
  });
});
