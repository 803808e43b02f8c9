import type { Rule } from '../core/rule.ts';
import type { Finding } from '../verify/index.ts';

/** The secrets that rules have in them, in every form in which they may be met. */
export function listSecrets(rules: readonly Rule[]): readonly string[] {
  const found: string[] = [];
  for (const { auth, to } of rules) {
    const upstreams = (Array.isArray(to) ? to : [to]) as readonly unknown[];
    for (const each of [
      auth,
      ...upstreams.map((upstream) => (upstream as { auth?: unknown } | undefined)?.auth),
    ])
      found.push(...listOf(each));
  }
  return found;
}

function listOf(auth: unknown): readonly string[] {
  if (typeof auth !== 'object' || auth === null) return [];
  const { username = '', password, token } = auth as Readonly<Record<string, string | undefined>>;
  const pair =
    password === undefined ? [] : [password, Buffer.from(`${username}:${password}`).toString('base64')];
  return token === undefined ? pair : [...pair, token];
}

/** Makes what takes secrets out of a text, those too that become known later; of less than four characters are words. */
export function createConceal(secrets: ReadonlySet<string>): (text: string) => string {
  return (text) => {
    const long = [...secrets].filter((secret) => secret.length >= 4).toSorted((a, b) => b.length - a.length);
    return long.reduce((shown, secret) => shown.replaceAll(secret, '…'), text);
  };
}

/** Takes secrets out of the texts of findings. */
export function concealFindings(
  findings: readonly Finding[],
  conceal: (text: string) => string,
): readonly Finding[] {
  return findings.map(
    (finding) =>
      Object.fromEntries(
        Object.entries(finding).map(([key, value]) => [
          key,
          typeof value === 'string' ? conceal(value) : value,
        ]),
      ) as unknown as Finding,
  );
}
