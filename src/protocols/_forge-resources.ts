/** The kinds of hosts, each with its own paths; `address` is one that the rule writes out with `:tag` and `:file`. */
export type ForgeKind =
  | 'github'
  | 'github-api'
  | 'gitlab'
  | 'gitea'
  | 'bitbucket'
  | 'sourceforge'
  | 'address';

/** What all that is asked of a host has. */
interface OfProject {
  /** The project: its public name, or its path at an upstream; empty where the mount is the project. */
  readonly project: string;
  /** The kind of the upstream, whose paths it has; none under its public name. */
  readonly kind?: ForgeKind;
  /** The query. */
  readonly query?: string;
}

/** A file of a release: `/<project>/releases/download/<tag>/<file>`. */
export interface ForgeAsset extends OfProject {
  /** The kind of resource. */
  readonly type: 'asset';
  /** The tag, percent-encoded: one segment. */
  readonly tag: string;
  /** The file, percent-encoded, with its folders where a host has such. */
  readonly file: string;
}

/** A file of the latest release: `/<project>/releases/latest/download/<file>`. */
export interface ForgeLatestAsset extends OfProject {
  /** The kind of resource. */
  readonly type: 'latest-asset';
  /** The file, percent-encoded. */
  readonly file: string;
}

/** Which release is the latest: `/<project>/releases/latest`. */
export interface ForgeLatest extends OfProject {
  /** The kind of resource. */
  readonly type: 'latest';
}

/** The page of a release: `/<project>/releases/tag/<tag>`. */
export interface ForgePage extends OfProject {
  /** The kind of resource. */
  readonly type: 'page';
  /** The tag, percent-encoded: one segment. */
  readonly tag: string;
}

/** The source at a revision: `/<project>/archive/refs/tags/<tag>.tar.gz`. */
export interface ForgeArchive extends OfProject {
  /** The kind of resource. */
  readonly type: 'archive';
  /** The tag, branch or commit, percent-encoded, with `refs/tags/` or `refs/heads/` if it was asked for so. */
  readonly ref: string;
  /** The format. */
  readonly format: 'tar.gz' | 'zip';
}

/** A file of the source: `/<project>/raw/<ref>/<path>`. */
export interface ForgeRaw extends OfProject {
  /** The kind of resource. */
  readonly type: 'raw';
  /** The tag, branch or commit, percent-encoded: one segment, behind `refs/tags/` or `refs/heads/` if asked for so. */
  readonly ref: string;
  /** The path of the file, percent-encoded. */
  readonly path: string;
}

/** What git asks of a repository to read it: `/<project>.git/info/refs?service=git-upload-pack`. */
export interface ForgeGit extends OfProject {
  /** The kind of resource. */
  readonly type: 'git';
  /** What the project's name has at its end. */
  readonly suffix: '' | '.git';
  /** The path below the repository. */
  readonly path: string;
}

/** What git asks to change a repository. */
export interface ForgePush extends Omit<ForgeGit, 'type'> {
  /** The kind of resource. */
  readonly type: 'push';
}

/** Anything that is asked of a host of projects. */
export type ForgeResource =
  | ForgeAsset
  | ForgeLatestAsset
  | ForgeLatest
  | ForgePage
  | ForgeArchive
  | ForgeRaw
  | ForgeGit
  | ForgePush;
