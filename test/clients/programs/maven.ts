import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Stoppable } from '../lab/cleanup.ts';
import { type FinishedCommand, run } from '../lab/command.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';
import type { Credentials } from '../upstreams/credentials.ts';

/** A project that has one artifact resolved. */
export interface MavenProject extends Stoppable {
  /** Resolves it. */
  resolve(): Promise<FinishedCommand>;
  /** What has been resolved: the jar of `name-version`. */
  jar(path: string): Promise<Buffer>;
  /** Removes everything that has been resolved. */
  clean(): Promise<void>;
}

/**
 * Creates a project for Maven. The artifact is an extension of the build, which Maven resolves without any plugin, and
 * every checksum must be right.
 */
export async function createMavenProject(
  repository: string,
  artifact: string,
  credentials?: Credentials,
): Promise<MavenProject> {
  const folder = await createTemporaryFolder();
  const local = join(folder.path, 'repository');
  const [name, version] = artifact.split(':');
  await writeFile(
    join(folder.path, 'settings.xml'),
    `<settings>
  <localRepository>${local}</localRepository>
  <servers>${credentials ? toServer(credentials) : ''}</servers>
  <mirrors>
    <mirror><id>acme</id><mirrorOf>*</mirrorOf><url>${repository}</url></mirror>
  </mirrors>
  <profiles><profile><id>acme</id><pluginRepositories><pluginRepository>
    <id>acme-snapshots</id><url>http://snapshots.invalid/</url><snapshots><enabled>true</enabled></snapshots>
  </pluginRepository></pluginRepositories></profile></profiles>
  <activeProfiles><activeProfile>acme</activeProfile></activeProfiles>
</settings>
`,
  );
  await writeFile(
    join(folder.path, 'pom.xml'),
    `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>lab</groupId><artifactId>lab</artifactId><version>1</version><packaging>pom</packaging>
  <build><extensions><extension>
    <groupId>com.acme</groupId><artifactId>${name}</artifactId><version>${version}</version>
  </extension></extensions></build>
</project>
`,
  );
  return {
    resolve: () =>
      run('mvn', ['--batch-mode', '--strict-checksums', '--settings', 'settings.xml', 'validate'], {
        cwd: folder.path,
        env: { ...process.env, MAVEN_OPTS: `-Duser.home=${folder.path}` },
        timeout: 180_000,
      }),
    jar: (path) => readFile(join(local, 'com/acme', path)),
    clean: () => rm(local, { recursive: true, force: true }),
    stop: () => folder.stop(),
  };
}

function toServer({ username, password }: Credentials): string {
  return `<server><id>acme</id><username>${username}</username><password>${password}</password></server>`;
}

/** Creates a project for Gradle, which takes the newest version of the artifact. */
export async function createGradleProject(repository: string, artifact: string): Promise<MavenProject> {
  const folder = await createTemporaryFolder();
  const home = join(folder.path, 'home');
  await mkdir(home);
  await writeFile(join(folder.path, 'settings.gradle'), "rootProject.name = 'lab'\n");
  await writeFile(
    join(folder.path, 'build.gradle'),
    `repositories { maven { url '${repository}' } }
configurations { lab }
dependencies { lab 'com.acme:${artifact}' }
task collect(type: Sync) {
  from configurations.lab
  into 'collected'
}
`,
  );
  return {
    resolve: () =>
      run('gradle', ['--no-daemon', '--console=plain', '--gradle-user-home', home, 'collect'], {
        cwd: folder.path,
        timeout: 240_000,
      }),
    jar: (path) => readFile(join(folder.path, 'collected', path)),
    async clean() {
      await rm(join(folder.path, 'collected'), { recursive: true, force: true });
      await rm(join(home, 'caches/modules-2'), { recursive: true, force: true });
    },
    stop: () => folder.stop(),
  };
}
