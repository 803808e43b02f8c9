import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { turnoutProgram } from '../build.ts';
import type { Stoppable } from '../lab/cleanup.ts';
import { freePort } from '../lab/free-port.ts';
import { type RunningProcess, startProcess } from '../lab/process.ts';
import { createTemporaryFolder } from '../lab/temporary-folder.ts';

/** One line of the access log. */
export interface AccessRecord {
  readonly method: string;
  readonly host: string;
  /** The path with its query. */
  readonly path: string;
  readonly status: number;
  readonly type: 'redirect' | 'proxy' | 'respond' | 'pass';
  readonly rule?: string;
  readonly protocol?: string;
  readonly location?: string;
  readonly target?: string;
  readonly userAgent?: string;
}

/** A `turnout serve` that watches its rule file. */
export interface Turnout extends Stoppable {
  readonly process: RunningProcess;
  /** Such as `http://127.0.0.1:8080`. */
  readonly origin: string;
  /** Such as `127.0.0.1:8080`. */
  readonly authority: string;
  /** Where `/healthz` and `/readyz` are. */
  readonly admin: string;
  /** The rule file. */
  readonly file: string;
  /** The access log since the last `forget`. */
  access(): readonly AccessRecord[];
  /** Starts a new page. */
  forget(): void;
  /** Waits for a line of the access log. */
  waitForAccess(test: (record: AccessRecord) => boolean): Promise<AccessRecord>;
  /** Changes the one place of the rule file that has a text, and waits until the change has been taken up. */
  edit(from: string, to: string): Promise<void>;
  /** Does something to the rule file, and waits until the change has been taken up. */
  reloadAfter(change: () => Promise<unknown>): Promise<void>;
  /** How often a change of the rule file has been taken up. */
  reloads(): number;
}

/** What a `turnout serve` gets beside its rules. */
export interface TurnoutOptions {
  /** What is added to its environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** A text that no message of a failure may show. */
  readonly hidden?: string;
  /** The name of the rule file. @default 'turnout.yaml' */
  readonly file?: string;
  /** Options of `turnout serve` besides. */
  readonly args?: readonly string[];
  /** The address of a store whose rules are served instead of the file's. */
  readonly address?: string;
}

/** Starts `turnout serve` on rules. */
export async function startTurnout(rules: string, options: TurnoutOptions = {}): Promise<Turnout> {
  const { env, hidden, file: name = 'turnout.yaml', args = [], address } = options;
  const folder = await createTemporaryFolder();
  const file = join(folder.path, name);
  await writeFile(file, rules);
  const admin = `127.0.0.1:${await freePort()}`;
  const listen = ['--host', '127.0.0.1', '--port', '0', '--admin', admin, '--log', 'json', ...args];
  const server = startProcess(process.execPath, [turnoutProgram, 'serve', address ?? file, ...listen], {
    env: { ...process.env, ...env },
    hidden,
  });
  const stop = async (): Promise<number | null> => {
    const code = await server.stop();
    await folder.stop();
    return code;
  };
  const ready = await server
    .waitFor(/turnout ready at (http:\/\/127\.0\.0\.1:\d+)/)
    .catch(async (fault: unknown) => {
      await stop();
      throw fault;
    });

  let forgotten = 0;
  const records = createAccessLog(() => server.stdout());
  const access = (): readonly AccessRecord[] => records().slice(forgotten);
  const reloads = (): number => `${server.stdout()}${server.stderr()}`.split('"rules reloaded"').length - 1;
  const reloadAfter = async (change: () => Promise<unknown>): Promise<void> => {
    const before = reloads();
    await change();
    await server.waitUntil(
      () => (reloads() > before ? true : undefined),
      'taking up the changed rules',
      10_000,
    );
  };
  const origin = ready[1] ?? '';
  return {
    process: server,
    origin,
    authority: new URL(origin).host,
    admin: `http://${admin}`,
    file,
    access,
    forget: () => {
      forgotten = records().length;
    },
    waitForAccess: (test) => server.waitUntil(() => access().find(test), 'a line of the access log', 10_000),
    edit: (from, to) =>
      reloadAfter(async () => writeFile(file, replaceOnce(await readFile(file, 'utf8'), from, to))),
    reloadAfter,
    reloads,
    stop,
  };
}

/** Reads the complete lines of a growing log that tell of a request, each once. */
function createAccessLog(text: () => string): () => readonly AccessRecord[] {
  const records: AccessRecord[] = [];
  let read = 0;
  return () => {
    const end = text().lastIndexOf('\n') + 1;
    const lines = text().slice(read, end).split('\n');
    read = end;
    const values = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as object);
    records.push(...values.filter((value): value is AccessRecord => 'method' in value && 'status' in value));
    return records;
  };
}

function replaceOnce(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${JSON.stringify(from)} occurs ${parts.length - 1} times`);
  return parts.join(to);
}
