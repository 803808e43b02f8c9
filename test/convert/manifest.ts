import type { RuleSet } from '../../src/core/compile.ts';
import { decide } from '../../src/core/decide.ts';
import type { Decision } from '../../src/core/decision.ts';
import { isRuleError } from '../../src/core/errors.ts';
import { parseRules } from '../../src/rules/parse.ts';
import { regexp } from '../../src/rules/regexp.ts';

/** A rule of a manifest. */
export type ManifestRule = Readonly<Record<string, unknown>>;

/** Loads the rules of a manifest. */
export function load(...rules: readonly ManifestRule[]): RuleSet {
  return parseRules(JSON.stringify({ rules }), { file: 'manifest.json', regexp });
}

/** What is wrong with a text, each as a line: `5:12 unknown_key: …`. */
export function mistakesOf(text: string): readonly string[] {
  try {
    parseRules(text, { file: 'manifest.json', regexp });
    return [];
  } catch (error) {
    if (!isRuleError(error)) throw error;
    return error.issues.map(
      ({ code, message, position }) => `${position?.line}:${position?.column} ${code}: ${message}`,
    );
  }
}

/** Decides on `POST https://get.acme.dev/x?y`, or on `get.acme.dev/x?y` with GET. */
export function ask(rules: RuleSet, request: string): Decision {
  const [, method = 'GET', host = '', path = '/', query] =
    /^(?:([A-Z]+) )?([^/]+)([^?]*)(?:\?(.*))?$/.exec(request) ?? [];
  return decide(rules, { method, scheme: 'https', host, path, query });
}

/** A decision in a line: `302 https://…`, `proxy https://…`, `404`, `carried by pixel`. */
export function show(decision: Decision): string {
  switch (decision.type) {
    case 'redirect':
      return `${decision.status} ${decision.location}`;
    case 'proxy':
      return `proxy ${decision.target}`;
    case 'respond':
      return [decision.status, decision.headers.location].filter(Boolean).join(' ');
    case 'carry':
      return `carried by ${decision.protocol}`;
    case 'pass':
      return 'pass';
  }
}
