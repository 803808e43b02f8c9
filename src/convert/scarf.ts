import type { Mistake } from '../rules/mistake.ts';
import type { Path, RuleEntry, RuleFile } from '../rules/rule-file.ts';
import type { Draft } from './_draft.ts';
import { globToPatterns } from './_glob.ts';
import { checkRule, isManifest, type ManifestRule, type RuleType } from './_scarf-manifest.ts';
import { toIndexes } from './_scarf-python.ts';
import {
  type ConvertedTarget,
  escapeText,
  isPlainText,
  templateToTarget,
  toWholeExpression,
} from './_template.ts';

/** A manifest as a rule file. */
export interface Conversion {
  /** The rule file. */
  readonly file: RuleFile;
  /** What is wrong with the manifest, at its own places; such rules are not in the file. */
  readonly mistakes: readonly Mistake[];
  /** Finds what a place in the rule file was made of: a place in the manifest. */
  trace(path: Path): Path;
}

/** A rule of a manifest with its number. */
interface Numbered {
  readonly rule: ManifestRule;
  readonly order: number;
}

/**
 * Makes a rule file of a manifest of the Scarf Gateway; `undefined` for data that is no manifest.
 *
 * The decisions are the same for every request, but for what its page says.
 */
export function convertScarf(data: unknown): Conversion | undefined {
  if (!isManifest(data)) return undefined;
  const mistakes = [...findUnknownKeys(data)];
  const rules = data.rules.flatMap((rule, order): readonly Numbered[] => {
    const checked = checkRule(rule, order, (mistake) => mistakes.push(mistake));
    return checked ? [{ rule: checked, order }] : [];
  });
  const drafts = nameDrafts(putInOrder(toDrafts(rules, mistakes)));
  return {
    file: { rules: drafts.map(({ entry }) => entry) },
    mistakes,
    trace([, order, ...path]) {
      const draft = typeof order === 'number' ? drafts[order] : undefined;
      return draft ? ['rules', ...draft.trace(path)] : ['rules'];
    },
  };
}

function findUnknownKeys(manifest: object): readonly Mistake[] {
  const unknown = Object.keys(manifest).filter((key) => key !== 'rules' && key !== '$schema');
  return unknown.map((key) => ({
    code: 'unknown_key',
    path: [key],
    message: `A manifest has no key \`${key}\`; there is \`rules\`.`,
    atKey: true,
  }));
}

function toDrafts(rules: readonly Numbered[], mistakes: Mistake[]): readonly Draft[] {
  const python = rules.filter(({ rule }) => rule.type === 'python-v1');
  const images = new Set(
    rules.filter(({ rule }) => rule.type.startsWith('docker-')).map(({ rule }) => rule.domain),
  );
  const others = rules.flatMap(({ rule, order }): readonly Draft[] => {
    const report = (field: string, code: 'invalid_match' | 'invalid_target', problem: string): void => {
      const message = `\`${String(rule[field])}\` cannot be read: ${problem}.`;
      mistakes.push({ code, path: ['rules', order, field], message });
    };
    return convertRule(rule, images.has(rule.domain), report).map(({ entry, keys, suffix = '' }) => ({
      entry: { name: nameOf(rule) + suffix, host: textOf(rule, 'domain'), ...entry },
      trace: ([key = '', option = '', ...rest]) =>
        key === 'options'
          ? [order, keys[option]?.[0] ?? 'type', ...rest]
          : [order, ...(KEYS[key] ?? keys[key] ?? [])],
    }));
  });
  return [...others, ...toIndexes(python)];
}

/** What a rule of the manifest becomes: rules, and for their keys the fields that these come from. */
interface Made {
  readonly entry: Pick<RuleEntry, 'protocol'> & Partial<RuleEntry>;
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** What its name has behind that of the manifest's rule. */
  readonly suffix?: string;
}

const KEYS: Readonly<Record<string, readonly string[]>> = { host: ['domain'], protocol: ['type'] };

type ReportField = (field: string, code: 'invalid_match' | 'invalid_target', problem: string) => void;

function convertRule(rule: ManifestRule, hasImages: boolean, report: ReportField): readonly Made[] {
  switch (rule.type) {
    case 'docker-v1':
      return [toImages(rule, escapeText(textOf(rule, 'repository-name')), 'repository-name')];
    case 'docker-v2': {
      const found = globToPatterns(textOf(rule, 'pattern'));
      if ('problem' in found) report('pattern', 'invalid_match', found.problem);
      else
        return [toImages(rule, found.patterns.length === 1 ? found.patterns[0] : found.patterns, 'pattern')];
      return [];
    }
    case 'file-v1':
      return toFiles(rule);
    case 'file-v2':
      return toExpression(rule, report);
    case 'catch-all-v1':
      return toCatchAll(rule, hasImages);
    case 'telemetry-v1':
      return [toTelemetry(rule)];
    case 'pixel-v1':
      return [{ entry: { protocol: 'pixel' }, keys: {} }];
    case 'package-event-v1':
      return [{ entry: { protocol: 'installs' }, keys: {} }];
    case 'python-v1':
      return [];
  }
}

/** Registries that have moved. */
const MOVED: Readonly<Record<string, string>> = { 'registry.hub.docker.com': 'registry-1.docker.io' };

function toImages(rule: ManifestRule, match: RuleEntry['match'], field: string): Made {
  const registry = textOf(rule, 'registry');
  const mode = rule['always-proxy'] === true ? { mode: 'proxy' as const } : {};
  return {
    entry: { protocol: 'oci', match, to: MOVED[registry.toLowerCase()] ?? registry, ...mode },
    keys: { match: [field], to: ['registry'], mode: ['always-proxy'] },
  };
}

const FILE_KEYS = { match: ['incoming-path'], syntax: ['incoming-path'], to: ['outgoing-url'] };

/** A path without a target takes events too, with POST. */
function toFiles(rule: ManifestRule): readonly Made[] {
  const path = textOf(rule, 'incoming-path');
  const target = optionalText(rule, 'outgoing-url');
  const to = target === undefined ? undefined : withPath(target);
  // The same in both syntaxes, it is easier to read without the key.
  const plain =
    isPlainText(path) && (to === undefined || (!isBare(to) && isPlainText(to.replace(/^https?:/i, ''))));
  const pattern = plain ? { match: path } : { match: path, syntax: 'rfc6570' as const };
  if (to !== undefined) return [{ entry: { protocol: 'file', ...pattern, to }, keys: FILE_KEYS }];
  return [
    { entry: { protocol: 'file', ...pattern }, keys: FILE_KEYS },
    { entry: { protocol: 'telemetry', ...pattern }, keys: FILE_KEYS, suffix: '-events' },
  ];
}

function isBare(address: string): boolean {
  return /^(?:https?:\/\/)?[^/?]*\/*(?:\?|$)/i.test(address);
}

/** An address without a path is to Turnout one below which paths stay what they are. */
function withPath(address: string): string {
  const [, host = '', rest = ''] = /^((?:https?:\/\/)?[^/?{]*)\/?(.*)$/is.exec(address) ?? [];
  return /^(?:\?|\{[?&]|$)/.test(rest) ? `${host}/${rest}` : address;
}

function toExpression(rule: ManifestRule, report: ReportField): readonly Made[] {
  const target = optionalText(rule, 'outgoing-url');
  const pattern = { match: toWholeExpression(textOf(rule, 'incoming-path')), syntax: 'regexp' as const };
  const converted: ConvertedTarget | undefined = target === undefined ? undefined : templateToTarget(target);
  if (converted && 'problem' in converted) {
    report('outgoing-url', 'invalid_target', converted.problem);
    return [];
  }
  const to = converted && { to: withPath(converted.to) };
  return [{ entry: { protocol: 'file', ...pattern, ...to }, keys: FILE_KEYS }];
}

/** Images are asked for below `/v2/`, which is no path of files where there are rules for images. */
function toCatchAll(rule: ManifestRule, hasImages: boolean): readonly Made[] {
  const domain = optionalText(rule, 'redirect-target-domain');
  const keys = { to: ['redirect-target-domain'] };
  if (domain === undefined) return [{ entry: { protocol: 'file' }, keys }];
  const to = /^https?:\/\//i.test(domain) ? domain : `https://${domain}`;
  const files: Made = { entry: { protocol: 'file', to }, keys };
  return hasImages ? [files, { entry: { protocol: 'oci', to }, keys, suffix: '-images' }] : [files];
}

function toTelemetry(rule: ManifestRule): Made {
  const options = Object.fromEntries(
    Object.entries(TELEMETRY_OPTIONS).flatMap(([field, option]) =>
      rule[field] === undefined ? [] : [[option, rule[field]]],
    ),
  );
  return {
    entry: {
      protocol: 'telemetry',
      match: escapeText(textOf(rule, 'incoming-path')),
      ...(Object.keys(options).length > 0 && { options }),
    },
    keys: {
      match: ['incoming-path'],
      ...Object.fromEntries(Object.entries(TELEMETRY_OPTIONS).map(([field, option]) => [option, [field]])),
    },
  };
}

const TELEMETRY_OPTIONS = {
  'access-tokens': 'tokens',
  'max-request-body': 'maxBytes',
  'max-events': 'maxEvents',
};

/** What is asked first stands first. */
const TURNS: Readonly<Record<string, number>> = { installs: 1, pixel: 2, telemetry: 3, pyindex: 4, file: 5 };

/**
 * Of rules for the very same names the last of a manifest counts, where it is the first of a rule file; other rules stay in
 * their order, images first and files last, expressions in the order of their texts.
 */
function putInOrder(drafts: readonly Draft[]): readonly Draft[] {
  const groups = new Map<string, Draft[]>();
  for (const draft of drafts) {
    const group = groups.get(keyOf(draft));
    if (group) group.push(draft);
    else groups.set(keyOf(draft), [draft]);
  }
  const turned = drafts.map((draft) => groups.get(keyOf(draft))?.pop() ?? draft);
  return turned.toSorted(
    (a, b) =>
      (TURNS[a.entry.protocol] ?? 0) - (TURNS[b.entry.protocol] ?? 0) ||
      turnOf(a) - turnOf(b) ||
      (a.entry.syntax === 'regexp' && b.entry.syntax === 'regexp'
        ? compare(a.entry.match, b.entry.match)
        : 0),
  );
}

/** Expressions are tried after patterns, and what takes everything comes last. */
function turnOf({ entry: { match, syntax } }: Draft): number {
  if (match === undefined) return 2;
  return syntax === 'regexp' ? 1 : 0;
}

function keyOf({ entry: { protocol, host, match, syntax } }: Draft): string {
  return JSON.stringify([protocol, host, match, syntax]);
}

function compare(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : Number(String(a) > String(b));
}

/** Gives each rule a name of its own. */
function nameDrafts(drafts: readonly Draft[]): readonly Draft[] {
  const counts = new Map<string, number>();
  return drafts.map((draft) => {
    const { name = '' } = draft.entry;
    let own = name;
    while (counts.has(own)) {
      const count = (counts.get(name) ?? 1) + 1;
      counts.set(name, count);
      own = `${name}-${count}`;
    }
    counts.set(own, 1);
    return { ...draft, entry: { ...draft.entry, name: own } };
  });
}

function nameOf(rule: ManifestRule): string {
  const names = [rule['package-name'], rule['package-id'], rule['rule-id']] as const;
  return String(names.find((name) => name !== undefined) ?? NAMES[rule.type]);
}

const NAMES: Readonly<Record<RuleType, string>> = {
  'docker-v1': 'image',
  'docker-v2': 'images',
  'file-v1': 'file',
  'file-v2': 'files',
  'python-v1': 'python',
  'catch-all-v1': 'everything-else',
  'telemetry-v1': 'telemetry',
  'pixel-v1': 'pixel',
  'package-event-v1': 'installs',
};

function textOf(rule: ManifestRule, field: string): string {
  return String(rule[field]);
}

function optionalText(rule: ManifestRule, field: string): string | undefined {
  return rule[field] === undefined ? undefined : String(rule[field]);
}
