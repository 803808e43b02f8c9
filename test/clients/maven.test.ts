import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { toNodeHandler } from '../../src/adapters/node.ts';
import { compileRules } from '../../src/core/compile.ts';
import { rule } from '../../src/core/rule.ts';
import { maven } from '../../src/protocols/maven.ts';
import { listen } from '../gateway/serving.ts';
import { createCleanup } from './lab/cleanup.ts';
import { freePort } from './lab/free-port.ts';
import { type RecordingServer, served } from './lab/recording-server.ts';
import { createGradleProject, createMavenProject, type MavenProject } from './programs/maven.ts';
import { startTurnout, type Turnout } from './programs/turnout.ts';
import { createMavenFiles, type MavenFiles, startMavenRepository } from './upstreams/maven-repository.ts';

const credentials = { username: 'robot', password: 's3cret' };
const greetJar = '/com/acme/greet/1.2/greet-1.2.jar';
const wordsJar = '/com/acme/words/2.0-SNAPSHOT/words-2.0-20260102.030405-7.jar';

const cleanup = createCleanup();
let files: MavenFiles;
let repositories: Readonly<Record<'old' | 'moved' | 'locked' | 'broken', RecordingServer>>;

beforeAll(async () => {
  files = await createMavenFiles([
    { name: 'greet', version: '1.2', needs: ['words:2.0-SNAPSHOT'] },
    { name: 'words', version: '2.0-SNAPSHOT', build: '20260102.030405-7', needs: [] },
    // Maven gives it to every extension that names no version of it.
    { group: 'org.codehaus.plexus', name: 'plexus-utils', version: '1.1', needs: [] },
  ]);
  const broken = new Map(files).set(greetJar, Buffer.from('other bytes'));
  repositories = {
    old: await cleanup.use(startMavenRepository(files, '/maven2')),
    moved: await cleanup.use(startMavenRepository(files, '/artifacts/releases')),
    locked: await cleanup.use(startMavenRepository(files, '/private', credentials)),
    broken: await cleanup.use(startMavenRepository(broken, '/maven2')),
  };
});
beforeEach(() => {
  for (const repository of Object.values(repositories)) repository.forget();
});
afterAll(() => cleanup.run());

function start(to: string, ...more: readonly string[]): Promise<Turnout> {
  const lines = ['protocol: maven', 'at: /maven/', `to: ${to}`, ...more].map((line) => `    ${line}\n`);
  return cleanup.use(startTurnout(`rules:\n  - name: artifacts\n${lines.join('')}`));
}

/** The paths below the mount that a client asked the gateway for, and was served. */
function asked(turnout: Turnout): string[] {
  const fine = turnout.access().filter(({ method, status }) => method === 'GET' && status < 400);
  return fine.map(({ path }) => path.replace('/maven', ''));
}

const clients = [
  {
    client: 'Maven',
    create: (repository: string) => createMavenProject(repository, 'greet:1.2'),
    greet: 'greet/1.2/greet-1.2.jar',
    words: 'words/2.0-SNAPSHOT/words-2.0-SNAPSHOT.jar',
    checksums: ['.sha1'],
  },
  {
    client: 'Gradle',
    create: (repository: string) => createGradleProject(repository, 'greet:1.+'),
    greet: 'greet-1.2.jar',
    words: 'words-2.0-SNAPSHOT.jar',
    // This Gradle looks at checksums only to find a file that it has already.
    checksums: [],
  },
];

describe.each(clients.flatMap((each) => ['auto', 'proxy'].map((mode) => ({ ...each, mode }))))(
  '$client in the mode $mode',
  ({ create, greet, words, checksums, mode }) => {
    let turnout: Turnout;
    let project: MavenProject;

    async function expectResolved(): Promise<void> {
      const resolved = await project.resolve();
      expect(resolved.ok, resolved.output).toBe(true);
      expect(resolved.output).not.toMatch(/127\.0\.0\.2|checksum/i);
      expect(await project.jar(greet)).toEqual(files.get(greetJar));
      expect(await project.jar(words)).toEqual(files.get(wordsJar));
      for (const path of [greetJar, wordsJar, '/com/acme/words/2.0-SNAPSHOT/maven-metadata.xml'])
        expect(asked(turnout)).toContain(path);
    }

    beforeAll(async () => {
      turnout = await start(`${repositories.old.origin}/maven2`, `mode: ${mode}`);
      project = await cleanup.use(create(`${turnout.origin}/maven/`));
    });

    test('resolves an artifact with what it needs, a snapshot too', async () => {
      await expectResolved();
      const jar = turnout.access().find(({ path }) => path.endsWith('.jar'));
      expect(jar?.type).toBe(mode === 'auto' ? 'redirect' : 'proxy');
      for (const suffix of checksums) expect(asked(turnout)).toContain(greetJar + suffix);
    });

    test('resolves the same from another repository', async () => {
      await turnout.edit(
        `${repositories.old.origin}/maven2`,
        `${repositories.moved.origin}/artifacts/releases`,
      );
      await project.clean();
      turnout.forget();
      await expectResolved();
      expect(served(repositories.moved.requests)).toContain(`/artifacts/releases${greetJar}`);
      expect(repositories.old.requests).toEqual([]);
    });
  },
);

describe('a repository behind', () => {
  const mavenFor = (turnout: Turnout, artifact = 'greet:1.2'): Promise<MavenProject> =>
    cleanup.use(createMavenProject(`${turnout.origin}/maven/`, artifact));

  test('does not know an artifact, and Maven says so', async () => {
    const turnout = await start(`${repositories.old.origin}/maven2`);
    const resolved = await (await mavenFor(turnout, 'nothing:1.0')).resolve();
    expect(resolved.ok).toBe(false);
    expect(resolved.output).toContain('Could not find artifact com.acme:nothing:jar:1.0 in acme');
  });

  test('has a file that is another, and Maven refuses it', async () => {
    const turnout = await start(`${repositories.broken.origin}/maven2`);
    const resolved = await (await mavenFor(turnout)).resolve();
    expect(resolved.ok).toBe(false);
    expect(resolved.output).toContain('Checksum validation failed');
  });

  test('is down, and Maven says so', async () => {
    const turnout = await start(`http://127.0.0.2:${await freePort()}`, 'mode: proxy');
    const resolved = await (await mavenFor(turnout)).resolve();
    expect(resolved.ok).toBe(false);
    expect(resolved.output).toContain('status: 502 Bad Gateway');
  });

  test('may want a password that only the gateway has', async () => {
    const to = `${repositories.locked.origin}/private`;
    const refused = await (await mavenFor(await start(to))).resolve();
    expect(refused.ok).toBe(false);
    expect(refused.output).toContain('status: 401 Unauthorized');

    const held = await start(to, 'auth: { username: robot, password: s3cret }');
    const resolved = await (await mavenFor(held)).resolve();
    expect(resolved.ok, resolved.output).toBe(true);
    expect(served(repositories.locked.requests)).toContain(`/private${greetJar}`);
    expect(resolved.output).not.toContain('s3cret');
  });

  test('may want a password of each person', async () => {
    const rules = [
      rule(maven, { at: '/maven/', to: `${repositories.locked.origin}/private`, auth: 'client' }),
    ];
    const { origin } = await listen(toNodeHandler(compileRules(rules)));
    for (const known of [undefined, credentials]) {
      const project = await cleanup.use(createMavenProject(`${origin}/maven/`, 'greet:1.2', known));
      const resolved = await project.resolve();
      expect(resolved.ok, resolved.output).toBe(known !== undefined);
      if (!known) expect(resolved.output).toContain('status: 401 Unauthorized');
    }
  });

  test('is not deployed to', async () => {
    const turnout = await start(`${repositories.old.origin}/maven2`);
    const response = await fetch(`${turnout.origin}/maven/com/acme/greet/1.3/greet-1.3.jar`, {
      method: 'PUT',
      body: 'x',
    });
    expect(response.status).toBe(405);
    expect(await response.text()).toContain('deploy to the repository itself');
    expect(repositories.old.requests).toEqual([]);
  });
});
