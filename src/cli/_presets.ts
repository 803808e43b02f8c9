/** Something that people publish, and the rule that it gets. */
export interface Preset {
  /** The name, of the rule too. */
  readonly name: string;
  /** What it is, for somebody who knows what they publish. */
  readonly title: string;
  /** The protocol. */
  readonly protocol: string;
  /** The mount path, where several share a host. */
  readonly at?: string;
  /** The pattern, when the address has to say more than where. */
  readonly match?: string;
  /** An address as people have it, shown when asked for and served by the example. */
  readonly example: string;
  /** The address of the rule for the one that was given. Default as it was given. */
  readonly to?: (address: string) => string;
}

/** What a new rule file is made of. */
export interface Publication {
  /** The preset. */
  readonly preset: Preset;
  /** Where it lives today. */
  readonly address: string;
}

/** Everything that `turnout init` knows, in the order in which it asks. */
export const PRESETS: readonly Preset[] = [
  {
    name: 'images',
    title: 'Container images, charts and artifacts in a registry',
    protocol: 'oci',
    example: 'ghcr.io/acme',
  },
  {
    name: 'files',
    title: 'Downloads: archives, installers, scripts',
    protocol: 'file',
    match: '/files/*path',
    example: 'https://storage.acme.example/public',
    to: (address) => `${withoutSlash(address)}/*path`,
  },
  {
    name: 'releases',
    title: 'Releases, archives and raw files of a project on a source host',
    protocol: 'forge',
    at: '/cli/',
    example: 'github:acme/cli',
  },
  { name: 'npm', title: 'npm packages', protocol: 'npm', at: '/npm/', example: 'https://npm.pkg.github.com' },
  { name: 'python', title: 'Python packages', protocol: 'pypi', at: '/pypi/', example: 'https://pypi.org' },
  {
    name: 'debian',
    title: 'A Debian or Ubuntu repository (apt)',
    protocol: 'apt',
    at: '/deb/',
    example: 'https://packages.acme.example/deb',
  },
  {
    name: 'rpm',
    title: 'An RPM repository (dnf, yum, zypper)',
    protocol: 'rpm',
    at: '/rpm/',
    example: 'https://packages.acme.example/rpm',
  },
  {
    name: 'alpine',
    title: 'An Alpine repository (apk)',
    protocol: 'apk',
    at: '/alpine/',
    example: 'https://packages.acme.example/alpine',
  },
  {
    name: 'arch',
    title: 'An Arch repository (pacman)',
    protocol: 'pacman',
    at: '/arch/',
    example: 'https://packages.acme.example/arch',
  },
  {
    name: 'nix',
    title: 'A Nix binary cache',
    protocol: 'nix',
    at: '/nix/',
    example: 'https://acme.cachix.org',
  },
  {
    name: 'homebrew',
    title: 'Homebrew bottles',
    protocol: 'homebrew',
    at: '/bottles/',
    example: 'https://storage.acme.example/bottles',
  },
  {
    name: 'go',
    title: 'Go modules, by a module proxy',
    protocol: 'go',
    at: '/go/',
    example: 'https://proxy.golang.org',
  },
  {
    name: 'cargo',
    title: 'Rust crates',
    protocol: 'cargo',
    at: '/crates/',
    example: 'https://index.crates.io',
  },
  {
    name: 'maven',
    title: 'Maven and Gradle artifacts',
    protocol: 'maven',
    at: '/maven/',
    example: 'https://repo.maven.apache.org/maven2',
  },
  {
    name: 'nuget',
    title: '.NET packages',
    protocol: 'nuget',
    at: '/nuget/',
    example: 'https://api.nuget.org/v3',
  },
  { name: 'gems', title: 'Ruby gems', protocol: 'rubygems', at: '/gems/', example: 'https://rubygems.org' },
  {
    name: 'composer',
    title: 'PHP packages',
    protocol: 'composer',
    at: '/composer/',
    example: 'https://repo.packagist.org',
  },
  {
    name: 'charts',
    title: 'Helm charts with an index',
    protocol: 'helm',
    at: '/charts/',
    example: 'https://charts.acme.example',
  },
  {
    name: 'conda',
    title: 'Conda channels',
    protocol: 'conda',
    at: '/conda/',
    example: 'https://conda.anaconda.org',
  },
  {
    name: 'models',
    title: 'Models and datasets (Hugging Face)',
    protocol: 'huggingface',
    at: '/hub/',
    example: 'https://huggingface.co',
  },
];

/** Finds a preset by its name, or by the name of its protocol. */
export function findPreset(name: string): Preset | undefined {
  return PRESETS.find((preset) => preset.name === name) ?? PRESETS.find(({ protocol }) => protocol === name);
}

/** Writes a rule file for what is published on a host. */
export function writeRuleFile(host: string, publications: readonly Publication[]): string {
  const rules = publications.map(({ preset, address }) => writeRule(host, preset, address));
  return `# yaml-language-server: $schema=https://unpkg.com/turnout/dist/schema.json
#
# Where the downloads of ${host} lead. To move one of them, change its line \`to\`: what is served takes it up at once.
rules:
${rules.join('\n')}`;
}

function writeRule(host: string, { name, protocol, at, match, to, title }: Preset, address: string): string {
  const keys = [
    ['host', host],
    ['protocol', protocol],
    ...(at === undefined ? [] : [['at', at]]),
    ...(match === undefined ? [] : [['match', match]]),
    ['to', to ? to(address) : address],
  ] as const;
  const lines = keys.map(([key = '', value = '']) => `    ${key}: ${quote(value)}\n`);
  return `  # ${title}\n  - name: ${name}\n${lines.join('')}`;
}

/** YAML 1.2 §7.3.3: what cannot be plain. */
function quote(value: string): string {
  return /^[\w/.][\w/.:@*~+=?&-]*$/.test(value) && !/: |:$/.test(value) ? value : JSON.stringify(value);
}

function withoutSlash(address: string): string {
  return address.replace(/(?<!\/)\/+$/, '');
}
