import type { Neighbour, RuleContext } from '../core/protocol.ts';

/** An item as a rule has it. */
interface ItemOption {
  readonly title: string;
  readonly platforms?: readonly string[];
  readonly version?: string;
  readonly description?: string;
  readonly file?: string;
  readonly url?: string;
  readonly sha256?: string;
  readonly install?: string;
  readonly rule?: string;
}

/** The options of a page, which the core has checked. */
export interface DownloadsOptions {
  /** The title. */
  readonly title?: string;
  /** What is downloaded. */
  readonly description?: string;
  /** The files. */
  readonly items?: readonly ItemOption[];
  /** The names of the rules to show. */
  readonly rules?: readonly string[];
}

/** A file of the page; what is not known is left out. */
export interface DownloadItem {
  /** What it is. */
  readonly title: string;
  /** Its version. */
  readonly version?: string | undefined;
  /** More about it. */
  readonly description?: string | undefined;
  /** What it runs on. */
  readonly platforms: readonly string[];
  /** Whether it runs on what the client seems to be. */
  readonly suggested: boolean;
  /** Its address. */
  readonly url?: string | undefined;
  /** Its SHA-256. */
  readonly sha256?: string | undefined;
  /** A shell line that installs it. */
  readonly install?: string | undefined;
  /** What its users are told. */
  readonly notice?: string | undefined;
}

/** A rule of the page. */
export interface DownloadRule {
  /** Its name. */
  readonly rule: string;
  /** What its clients speak. */
  readonly protocol: string;
  /** Where it is. */
  readonly url: string;
  /** Its patterns. */
  readonly match: readonly string[];
  /** A shell line that uses it. */
  readonly usage: string;
  /** What its users are told. */
  readonly notice?: string | undefined;
}

/** What the page shows. */
export interface DownloadsList {
  /** The title. */
  readonly title: string;
  /** What is downloaded. */
  readonly description?: string | undefined;
  /** The files; those for the client's platform come first. */
  readonly items: readonly DownloadItem[];
  /** The rules. */
  readonly rules: readonly DownloadRule[];
}

/** Systems by what clients say that they are, the narrower first, and by what people call them. */
const SYSTEMS: readonly (readonly [agent: RegExp, called: RegExp])[] = [
  [/android/i, /android/i],
  [/iphone|ipad/i, /\bi(?:pad)?os\b/i],
  [/windows|\bwin(?:32|64)\b/i, /\bwin(?:dows|32|64)?\b/i],
  [/mac ?os|macintosh|darwin/i, /\b(?:macos|mac os|os ?x|darwin)\b/i],
  [/freebsd/i, /freebsd/i],
  [/linux|\bx11\b/i, /linux|debian|ubuntu|fedora|alpine/i],
];

/** Gathers what a page shows of a rule's options and of the rules around it. */
export function readDownloads(
  { title = 'Downloads', description, items = [], rules }: DownloadsOptions,
  { rule, publicUrl, userAgent = '' }: RuleContext,
  neighbours: readonly Neighbour[],
): DownloadsList {
  const others = neighbours.filter((neighbour) => neighbour.rule !== rule);
  const shown = rules ? rules.flatMap((name) => others.filter((other) => other.rule === name)) : others;
  const [origin = ''] = /^[a-z]+:\/\/[^/]*/.exec(publicUrl) ?? [];
  const called = SYSTEMS.find(([agent]) => agent.test(userAgent))?.[1];
  const listed = items.map((item): DownloadItem => {
    const { file, url, platforms = [], rule: name, ...rest } = item;
    return {
      ...rest,
      platforms,
      suggested: called !== undefined && platforms.some((platform) => called.test(platform)),
      url: url ?? (file === undefined ? undefined : origin + file),
      notice: others.find((other) => other.rule === name)?.notice,
    };
  });
  return {
    title,
    description,
    items: [...listed.filter(({ suggested }) => suggested), ...listed.filter(({ suggested }) => !suggested)],
    // Its options are for protocols alone.
    rules: shown.map(({ publicUrl: url, options: _, ...other }) => ({ ...other, url })),
  };
}
