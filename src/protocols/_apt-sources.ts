/** What a `.sources` file says. */
export interface AptSources {
  /** The address of the repository, with a slash at its end. */
  readonly uri: string;
  /** The suite; empty for a flat repository. */
  readonly suite: string;
  /** The `InRelease` or `Release` of the suite, signed or not. */
  readonly release: string;
  /** The key in armor; `undefined` when the rule has none. */
  readonly key: string | undefined;
}

const WORD = /^[\w.+~/-]+$/;

/** Writes a source in the deb822 style (sources.list(5)). */
export function writeSources({ uri, suite, release, key }: AptSources): string {
  const components = listWords(release, 'Components').map((component) => withoutPrefix(component, release));
  const architectures = listWords(release, 'Architectures').filter((name) => name !== 'all');
  const lines = [
    'Types: deb',
    `URIs: ${uri}`,
    // A suite that ends with a slash is a flat repository's folder, and has no components.
    `Suites: ${suite === '' ? '/' : suite}`,
    ...(suite === '' ? [] : [`Components: ${[...new Set(components)].join(' ') || 'main'}`]),
    ...(architectures.length === 0 ? [] : [`Architectures: ${architectures.join(' ')}`]),
    ...(key === undefined ? [] : ['Signed-By:', ...key.trimEnd().split('\n').map(fold)]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The words of a field; only what is no more than a word goes into the file of a client. */
function listWords(release: string, field: string): readonly string[] {
  for (const line of release.split('\n')) {
    if (!line.startsWith(`${field}:`)) continue;
    return line
      .slice(field.length + 1)
      .split(/\s+/)
      .filter((word) => WORD.test(word));
  }
  return [];
}

/** Debian's security suites write `updates/main` for what is in `main`. */
function withoutPrefix(component: string, release: string): string {
  return component.includes('/') && !release.includes(` ${component}/`)
    ? component.slice(component.lastIndexOf('/') + 1)
    : component;
}

/** deb822(5): a continuation line, and an empty one. */
function fold(line: string): string {
  return line === '' ? ' .' : ` ${line}`;
}
