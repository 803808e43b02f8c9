/** What a store gives: the text of a rule file. */
export interface StoredText {
  /** The text, YAML or JSON. */
  readonly text: string;
  /** What changes whenever the text does, such as an entity tag; `undefined` when nothing tells. */
  readonly version?: string | undefined;
}

/** How a store is read. */
export interface StoreRead {
  /** The version of the text that is known; a store that still has that one need not send it again. */
  readonly known?: string | undefined;
  /** Aborts when the answer is no longer waited for. */
  readonly signal: AbortSignal;
}

/**
 * Where the text of rules is kept: a file, an address, a database.
 *
 * A store only reads, hints and writes. What its texts are worth is decided elsewhere, the same for all: checking,
 * swapping, pacing, the copy for a restart.
 */
export interface RuleStore {
  /** What messages and positions call it: its address, without anything secret. */
  readonly name: string;
  /**
   * Whether its rules may run programs for their credentials, with the rights of this process. Only for what nobody else
   * can write. Default false.
   */
  readonly commands?: boolean | undefined;
  /** Whether it may be seen half written. Default false. */
  readonly torn?: boolean | undefined;
  /** How long it is left alone at most while it fails, in milliseconds. Default 30 seconds. */
  readonly longestPause?: number | undefined;
  /**
   * Reads it; `undefined` when it still has the known version. At most 16 MiB are taken.
   *
   * @throws Error It cannot be read; the message says why, and has no secret in it.
   */
  read(read: StoreRead): Promise<StoredText | undefined>;
  /** Has somebody told when it may have changed, from now until it is closed. It is polled besides. */
  watch?(onHint: () => void): void;
  /**
   * Replaces the text, if it still is the one that is expected. A store without it is changed elsewhere.
   *
   * @throws Error It has been changed meanwhile, or cannot be written.
   */
  write?(text: string, expected: string): Promise<void>;
  /** Ends its connections. */
  close(): void;
}

/** Whether the store of a source is in order, for readiness and metrics. */
export interface SourceState {
  /** Whether what was last seen of the store is what serves. */
  readonly ok: boolean;
  /** Since when that is so, or not. */
  readonly since: Date;
  /** When the store was last seen in order; `undefined` while only a copy serves. */
  readonly lastSuccess: Date | undefined;
  /** The last thing that was wrong, also when it has been mended. */
  readonly lastError: Error | undefined;
  /** When the rules in force came into force here. */
  readonly acceptedAt: Date;
  /** Whether they come from the store or, at a start without it, from the copy. */
  readonly from: 'store' | 'copy';
}

/** What keeps accepted texts on this machine: a copy for a restart, a history for a way back. */
export interface TextKeeper {
  /** Gives the copy; `undefined` when there is none for this store. */
  recall(): Promise<string | undefined>;
  /** Keeps a text that came into force. */
  keep(text: string, revision: string): Promise<void>;
}
