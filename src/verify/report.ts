import type { Finding, StopReason } from './finding.ts';
import type { Checked, Ending } from './verify.ts';

/** What a verification has come to: the document that `--json` prints. */
export interface Report {
  /** The version of this form. A later one with the same number has more keys, and none less. */
  readonly version: 1;
  /** `same`: all was checked and nothing found; `differs`: something is missing or differs; `unknown`: neither. */
  readonly result: 'same' | 'differs' | 'unknown';
  /** The rule. */
  readonly rule: string;
  /** The upstream that serves today, without its query. */
  readonly a: string;
  /** The upstream that would. */
  readonly b: string;
  /** Why it ended before its end. */
  readonly stopped?: StopReason | undefined;
  /** Numbers of names and of findings. */
  readonly counts: Counts;
  /** The downloads of the access log; only with one. */
  readonly demand?: Affected | undefined;
  /** The findings, the most demanded first, as many as are kept. */
  readonly findings: readonly Finding[];
  /** How many findings more there were. */
  readonly omitted: number;
}

/** Downloads of an access log. */
export interface Affected {
  /** All of them. */
  readonly total: number;
  /** Those of names with a finding. */
  readonly affected: number;
}

/** Numbers of a verification. */
export interface Counts {
  /** The names that were checked, those of a resumed verification included. */
  readonly checked: number;
  /** The names of which nothing was found. */
  readonly same: number;
  /** The findings that something is missing. */
  readonly missing: number;
  /** The findings that something differs. */
  readonly differs: number;
  /** The findings that something could not be checked. */
  readonly unchecked: number;
  /** The names that were finished before. */
  readonly resumed: number;
  /** The requests to the first upstream. */
  readonly requestsA: number;
  /** The requests to the second. */
  readonly requestsB: number;
}

/** Gathers what is found. */
export interface Collector {
  /** Takes what came of a name. */
  add(checked: Checked): void;
  /** The report as it is now. */
  report(about: Pick<Report, 'rule' | 'a' | 'b'>, ending: Ending, total?: number): Report;
}

/** Makes a collector that keeps so many findings, the most demanded ones. Default 1000. */
export function createCollector(most = 1000): Collector {
  const counts = { checked: 0, same: 0, missing: 0, differs: 0, unchecked: 0 };
  let kept: Finding[] = [];
  let affected = 0;
  let found = 0;
  const trim = (): void => {
    kept = kept.toSorted((a, b) => (b.demand ?? 0) - (a.demand ?? 0)).slice(0, most);
  };
  return {
    add({ findings, demand = 0 }) {
      counts.checked++;
      if (findings.length === 0) counts.same++;
      else affected += demand;
      for (const finding of findings) {
        counts[finding.type]++;
        found++;
        kept.push(finding);
        if (kept.length >= 2 * most) trim();
      }
    },
    report(about, { requests, resumed, stopped }, total) {
      trim();
      const { checked, same, missing, differs, unchecked } = counts;
      const differing = missing + differs > 0;
      const sure = !stopped && unchecked === 0 && checked > 0;
      return {
        version: 1,
        result: differing ? 'differs' : sure ? 'same' : 'unknown',
        ...about,
        ...(stopped && { stopped }),
        counts: {
          checked,
          same,
          missing,
          differs,
          unchecked,
          resumed,
          requestsA: requests.a,
          requestsB: requests.b,
        },
        ...(total !== undefined && { demand: { total, affected } }),
        findings: kept,
        omitted: found - kept.length,
      };
    },
  };
}
