import { isRuleError, type RuleIssue } from '../../src/core/errors.ts';
import type { Protocol } from '../../src/core/protocol.ts';
import { protocols } from '../../src/protocols/index.ts';
import { type ParseOptions, parseRules } from '../../src/rules/index.ts';

/** Every protocol that the example names, also those that this package does not have yet. */
export const exampleProtocols: readonly Protocol[] = ['file', 'npm', 'oci', 'pypi', 'apt'].map((name) => {
  const first = protocols.find((protocol) => protocol.name === 'cargo');
  const known = protocols.find((protocol) => protocol.name === name) ?? first;
  if (!known) throw new Error('There is no protocol.');
  return { ...known, name };
});

/** A rule file with what rule files usually have. */
export const example = `# turnout.yaml – das Register
rules:
  - name: images
    host: get.acme.dev
    protocol: oci
    match: acme/*image              # path-to-regexp syntax, on the protocol's own name
    to: ghcr.io/acme-inc/*image     # ← the one line you change

  - name: cli
    host: get.acme.dev
    protocol: file
    match: /cli/:version/acme-:platform.tar.gz
    to: https://github.com/acme/cli/releases/download/v:version/acme-:platform.tar.gz

  - name: packages
    host: npm.acme.dev
    protocol: npm
    match: "@acme/*"
    to: https://npm.pkg.github.com

  - name: python
    host: [get.acme.dev, "*.acme.dev"]
    at: /pypi/                      # mount path, for several protocols on one host
    protocol: pypi
    to: { url: https://pypi.org, auth: { token: "\${TOKEN}" }, allow: [files.internal:8443] }

  - name: debian
    host: deb.acme.dev
    protocol: apt
    mode: proxy
    status: 307
    downgrade: true
    query: drop
    auth: { username: acme, password: "\${PASSWORD}" }
    to:                             # in order of fallback
      - https://packages.acme.example/deb
      - url: https://mirror.example/acme/deb
`;

/** The environment of the example. */
export const exampleEnv: Readonly<Record<string, string>> = { TOKEN: 't0ken', PASSWORD: 'pass word' };

/** Parses rules that have mistakes, and gives these. */
export function issuesOf(text: string, options: Partial<ParseOptions> = {}): readonly RuleIssue[] {
  try {
    parseRules(text, { file: 'turnout.yaml', ...options });
  } catch (error) {
    if (isRuleError(error)) return error.issues;
    throw error;
  }
  return [];
}

/** Writes issues as `line:column code`. */
export function placesOf(issues: readonly RuleIssue[]): readonly string[] {
  return issues.map(({ code, position }) => `${position?.line}:${position?.column} ${code}`);
}
