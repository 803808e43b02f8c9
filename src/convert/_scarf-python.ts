import type { RuleEntry } from '../rules/rule-file.ts';
import type { Draft } from './_draft.ts';
import type { ManifestRule } from './_scarf-manifest.ts';

/** A file of a manifest, as a rule of the index that it becomes a part of. */
interface PythonFile {
  readonly order: number;
  readonly project: string;
  readonly filename: string;
  readonly url: URL | string;
  readonly more: Readonly<Record<string, unknown>>;
}

/** Makes an index for each domain of the files that a manifest has a rule for each. */
export function toIndexes(
  rules: readonly { readonly rule: ManifestRule; readonly order: number }[],
): readonly Draft[] {
  const domains = new Map<string, PythonFile[]>();
  for (const { rule, order } of rules) {
    const domain = String(rule.domain);
    const files = domains.get(domain) ?? [];
    domains.set(domain, files);
    files.push(readFile(rule, order));
  }
  return [...domains].map(([domain, files]) => toIndex(domain, latest(files)));
}

/** Of several rules for one file the last counts. */
function latest(files: readonly PythonFile[]): readonly PythonFile[] {
  return [...new Map(files.map((file) => [`${normalize(file.project)}/${file.filename}`, file])).values()];
}

function readFile(rule: ManifestRule, order: number): PythonFile {
  const address = String(rule['backend-url']);
  const mark = address.indexOf('#');
  const url = mark === -1 ? address : address.slice(0, mark);
  const hashes = readHashes(rule['hash-value'], mark === -1 ? '' : address.slice(mark + 1));
  const more = {
    ...(hashes && { hashes }),
    ...(rule['requires-python'] !== undefined && { 'requires-python': rule['requires-python'] }),
    ...(rule['gpg-sig'] !== undefined && { 'gpg-sig': rule['gpg-sig'] }),
  };
  const project = String(rule['package-name']);
  const known = /^https?:\/\//.test(url) && URL.canParse(url) ? new URL(url) : url;
  return { order, project, filename: String(rule['file-name']), url: known, more };
}

/** A digest of its own field, or else that in the fragment of the address (PEP 503). */
function readHashes(value: unknown, fragment: string): Readonly<Record<string, string>> | undefined {
  if (typeof value === 'object' && value !== null) {
    const { type, hash } = value as { readonly type: string; readonly hash: string };
    return { [type]: hash.toLowerCase() };
  }
  const [, type, hash] = /^(md5|sha\d+)=([\da-fA-F]+)$/.exec(fragment) ?? [];
  return type !== undefined && hash !== undefined ? { [type]: hash.toLowerCase() } : undefined;
}

/** The host that most files have is that of the rule, so that one line moves them. */
function toIndex(domain: string, files: readonly PythonFile[]): Draft {
  const origin = findOrigin(files);
  const projects = [...new Map(files.map((file) => [normalize(file.project), file])).entries()];
  const match = projects.map(([project]) => project);
  const entry: RuleEntry = {
    name: 'python',
    host: domain,
    protocol: 'pyindex',
    match: match.length === 1 ? match[0] : match,
    ...(origin !== undefined && { to: origin }),
    options: {
      files: files.map(({ project, filename, url, more }) => ({
        project,
        filename,
        url: toUrl(url, origin),
        ...more,
      })),
    },
  };
  return {
    entry,
    trace([key, list, index, field]) {
      if (key === 'match') return [projects[Number(list ?? 0)]?.[1].order ?? 0, 'package-name'];
      const file = key === 'options' ? files[Number(index)] : undefined;
      if (!file)
        return [files[0]?.order ?? 0, ...(key === 'to' ? ['backend-url'] : key === 'host' ? ['domain'] : [])];
      return [file.order, ...(FIELDS[String(field)] ?? [])];
    },
  };
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  project: ['package-name'],
  filename: ['file-name'],
  url: ['backend-url'],
  hashes: ['hash-value'],
  'requires-python': ['requires-python'],
  'gpg-sig': ['gpg-sig'],
};

function findOrigin(files: readonly PythonFile[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { url } of files)
    if (typeof url !== 'string') counts.set(url.origin, (counts.get(url.origin) ?? 0) + 1);
  return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0];
}

/** The text stays as it was written; a URL parser would mend it. */
function toUrl(url: URL | string, origin: string | undefined): string {
  if (typeof url === 'string' || url.origin !== origin) return String(url);
  return url.pathname + url.search;
}

/** The one spelling of a project's name (PEP 503, "Normalized Names"). */
function normalize(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}
