import { describe, expect, test } from 'vitest';

import { compileRules } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import { rule } from '../../src/core/rule.ts';
import { type MavenFile, type MavenMetadata, type MavenResource, maven } from '../../src/protocols/maven.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

const file = (groupId: string, artifactId: string, version: string, name: string): MavenFile => ({
  type: 'file',
  groupId,
  artifactId,
  version,
  file: name,
});
const cli = (title: string, name: string, version = '1.0'): ProtocolCase<MavenResource> => ({
  title,
  path: `/com/acme/cli/${version}/${name}`,
  resource: file('com.acme', 'cli', version, name),
});
const metadata = (
  title: string,
  path: string,
  groupId: string,
  artifactId?: string,
  version?: string,
): ProtocolCase<MavenResource> => ({
  title,
  path,
  resource: {
    type: 'metadata',
    groupId,
    ...(artifactId && { artifactId }),
    ...(version && { version }),
    file: path.slice(path.lastIndexOf('/') + 1),
  },
});
const none = (title: string, path: string, method = 'GET'): ProtocolCase<MavenResource> => ({
  title,
  method,
  path,
  resource: undefined,
});

testProtocol(maven, [
  cli('a jar', 'cli-1.0.jar'),
  { ...cli('a jar by HEAD', 'cli-1.0.jar'), method: 'HEAD' },
  cli('a POM', 'cli-1.0.pom'),
  cli('what Gradle knows of a module', 'cli-1.0.module'),
  cli('sources', 'cli-1.0-sources.jar'),
  cli('an archive of two suffixes', 'cli-1.0-linux-x86_64.tar.gz'),
  cli('a signature', 'cli-1.0.jar.asc'),
  cli('the checksum of a signature', 'cli-1.0.jar.asc.sha512'),
  cli('a checksum', 'cli-1.0.pom.sha1'),
  cli('a snapshot', 'cli-2.0-20260102.030405-7-sources.jar', '2.0-SNAPSHOT'),
  cli('a snapshot without a time', 'cli-2.0-SNAPSHOT.jar', '2.0-SNAPSHOT'),
  {
    title: 'an artifact with dots',
    path: '/org/acme/acme.core.api/1.0/acme.core.api-1.0.jar',
    resource: file('org.acme', 'acme.core.api', '1.0', 'acme.core.api-1.0.jar'),
  },
  {
    title: 'a group of one word',
    path: '/junit/junit/4.13/junit-4.13.jar',
    resource: file('junit', 'junit', '4.13', 'junit-4.13.jar'),
  },
  {
    title: 'a library of Scala',
    path: '/org/acme/cats-core_2.13/2.0.0/cats-core_2.13-2.0.0.jar',
    resource: file('org.acme', 'cats-core_2.13', '2.0.0', 'cats-core_2.13-2.0.0.jar'),
  },
  {
    title: 'a plugin of sbt',
    path: '/org/acme/sbt-cli_2.12_1.0/0.1/sbt-cli-0.1.pom',
    resource: file('org.acme', 'sbt-cli_2.12_1.0', '0.1', 'sbt-cli-0.1.pom'),
  },
  {
    title: 'the marker of a Gradle plugin',
    path: '/com/acme/cli/com.acme.cli.gradle.plugin/1.0/com.acme.cli.gradle.plugin-1.0.pom',
    resource: file('com.acme.cli', 'com.acme.cli.gradle.plugin', '1.0', 'com.acme.cli.gradle.plugin-1.0.pom'),
  },
  {
    title: 'a plus sign, encoded',
    path: '/com/acme/cli/1.0%2B3/cli-1.0%2b3.jar',
    canonical: '/com/acme/cli/1.0+3/cli-1.0+3.jar',
    resource: file('com.acme', 'cli', '1.0+3', 'cli-1.0+3.jar'),
  },

  metadata('all versions', '/com/acme/cli/maven-metadata.xml', 'com.acme', 'cli'),
  metadata('the checksum of all versions', '/com/acme/cli/maven-metadata.xml.sha256', 'com.acme', 'cli'),
  metadata(
    'a snapshot’s files',
    '/com/acme/cli/2.0-SNAPSHOT/maven-metadata.xml',
    'com.acme',
    'cli',
    '2.0-SNAPSHOT',
  ),
  metadata('a group of one word', '/junit/maven-metadata.xml', 'junit'),
  {
    title: 'the list of archetypes',
    path: '/archetype-catalog.xml.md5',
    resource: { type: 'catalog', file: 'archetype-catalog.xml.md5' },
  },
  {
    title: 'the list of everything',
    path: '/.meta/prefixes.txt',
    resource: { type: 'prefixes', file: 'prefixes.txt' },
  },
  {
    title: 'a deployment',
    method: 'PUT',
    path: '/com/acme/cli/1.0/cli-1.0.jar',
    resource: { type: 'write', target: file('com.acme', 'cli', '1.0', 'cli-1.0.jar') },
  },
  {
    title: 'a deployment’s list of versions',
    method: 'PUT',
    path: '/com/acme/cli/maven-metadata.xml',
    resource: {
      type: 'write',
      target: { type: 'metadata', groupId: 'com.acme', artifactId: 'cli', file: 'maven-metadata.xml' },
    },
  },

  none('the root', '/'),
  none('a folder', '/com/acme/cli/'),
  none('a version without its slash', '/com/acme/cli/1.0'),
  none('a file of another artifact', '/com/acme/cli/1.0/other-1.0.jar'),
  none('a file without a group', '/cli/1.0/cli-1.0.jar'),
  none('a dot in a group', '/com.acme/cli/1.0/cli-1.0.jar'),
  none('two slashes', '/com//cli/1.0/cli-1.0.jar'),
  none('two slashes in front', '//com/cli/1.0/cli-1.0.jar'),
  none('a version that starts with a dot', '/com/acme/cli/.1/cli-1.jar'),
  none('a snapshot of no artifact', '/.x/1-SNAPSHOT/maven-metadata.xml'),
  none('a group with a colon', '/com:acme/cli/1.0/cli-1.0.jar'),
  none('an encoded slash', '/com/acme%2Fcli/1.0/cli-1.0.jar'),
  none('an escape that is not needed', '/com/acme/cli/1.0/cl%69-1.0.jar'),
  none('metadata of nothing', '/maven-metadata.xml'),
  none('metadata of another kind', '/com/acme/cli/maven-metadata.xml.zip'),
  none('another file of the repository', '/.meta/x/y'),
  none('something that is posted', '/com/acme/cli/1.0/cli-1.0.jar', 'POST'),
  none('a folder that is made', '/com/acme/', 'PUT'),
  none('no path', ''),
]);

describe('what the protocol wishes for, in every mode', () => {
  const all: MavenMetadata = {
    type: 'metadata',
    groupId: 'com.acme',
    artifactId: 'cli',
    file: 'maven-metadata.xml',
  };
  test.each<[resource: MavenResource, delivery: string]>([
    [file('com.acme', 'cli', '1.0', 'cli-1.0.jar'), '302'],
    [all, '302'],
    [{ type: 'catalog', file: 'archetype-catalog.xml' }, '302'],
    [{ type: 'prefixes', file: 'prefixes.txt' }, '404 answered'],
    [{ type: 'write', target: all }, '405 answered'],
  ])('for %j: %s', (resource, delivery) => {
    for (const mode of ['auto', 'redirect', 'proxy'] as const)
      expect(showDelivery(maven.deliver(resource, contextOf(mode, upstreamOf('https://a.example'))))).toBe(
        delivery,
      );
  });
});

test.each<[match: string, path: string, taken: boolean]>([
  ['com.acme/cli', '/com/acme/cli/1.0/cli-1.0.jar', true],
  ['com.acme/cli', '/com/acme/cli/maven-metadata.xml', true],
  ['com.acme/cli', '/com/acme/other/1.0/other-1.0.jar', false],
  ['com.acme/*', '/com/acme/other/1.0/other-1.0.jar', true],
  ['com.acme/*', '/com/acme/tools/cli/1.0/cli-1.0.jar', false],
  ['com.acme.*', '/com/acme/tools/cli/1.0/cli-1.0.jar', true],
  ['com.acme{.*groups}/:artifact', '/com/acme/tools/cli/1.0/cli-1.0.jar', true],
  ['com.acme{.*groups}/:artifact', '/com/acme/cli/1.0/cli-1.0.jar', true],
  ['com.acme{.*groups}/:artifact', '/com/acmeother/cli/1.0/cli-1.0.jar', false],
  ['com.acme/*', '/archetype-catalog.xml', false],
])('the pattern %s and %s: %s', (match, path, taken) => {
  const ruleSet = compileRules([rule(maven, { match, to: 'https://a.example/maven2' })]);
  const decision = decide(ruleSet, { method: 'GET', scheme: 'https', host: 'b.example', path });
  expect(decision).toMatchObject(
    taken ? { type: 'redirect', status: 302, location: `https://a.example/maven2${path}` } : { type: 'pass' },
  );
});

describe('a package URL', () => {
  test.each<[path: string, purl: string | undefined]>([
    ['/com/acme/cli/1.0/cli-1.0.jar', 'pkg:maven/com.acme/cli@1.0?type=jar'],
    ['/com/acme/cli/1.0/cli-1.0-sources.jar', 'pkg:maven/com.acme/cli@1.0?classifier=sources&type=jar'],
    [
      '/com/acme/cli/1.0/cli-1.0-linux-x86_64.tar.gz',
      'pkg:maven/com.acme/cli@1.0?classifier=linux-x86_64&type=tar.gz',
    ],
    [
      '/com/acme/cli/2.0-SNAPSHOT/cli-2.0-20260102.030405-7.pom',
      'pkg:maven/com.acme/cli@2.0-20260102.030405-7?type=pom',
    ],
    ['/com/acme/cli/2.0-SNAPSHOT/cli-2.0-SNAPSHOT.jar', 'pkg:maven/com.acme/cli@2.0-SNAPSHOT?type=jar'],
    ['/com/acme/cli/1.0+3/cli-1.0+3.jar', 'pkg:maven/com.acme/cli@1.0%2B3?type=jar'],
    ['/com/acme/cli/1.0/cli-2.0.jar', 'pkg:maven/com.acme/cli@1.0'],
    ['/com/acme/cli/1.0/cli-1.0', 'pkg:maven/com.acme/cli@1.0'],
    ['/com/acme/x_2.12_1.0/1.0/x-1.0.jar', 'pkg:maven/com.acme/x_2.12_1.0@1.0'],
    ['/com/acme/cli/1.0/cli-1.0.jar.sha1', undefined],
    ['/com/acme/cli/1.0/cli-1.0.jar.asc', undefined],
    ['/com/acme/cli/maven-metadata.xml', 'pkg:maven/com.acme/cli'],
    ['/junit/maven-metadata.xml', undefined],
    ['/archetype-catalog.xml', undefined],
  ])('of %s: %s', (path, purl) => {
    const resource = maven.parse({ method: 'GET', path });
    expect(resource && maven.purl?.(resource, 'https://a.example')).toBe(purl);
    if (purl) expect(parsePurl(purl).type).toBe('maven');
  });
});
