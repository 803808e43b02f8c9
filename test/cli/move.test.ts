import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';

import { createInstance, type Instance, readInstance } from '../../src/cli/_instances.ts';
import { type MoveOptions, move, type Step } from '../../src/cli/_move.ts';

const BEFORE = { text: 'old', revision: '000000000000' };
const AFTER = { text: 'new', revision: '111111111111' };
const UPSTREAM = 'http://new.example';

/** An admin address that says what it is told to. */
interface Admin {
  readonly instance: Instance;
  status: number;
  /** What it serves; without it, what the store has. */
  revision: string | undefined;
  failure: string | undefined;
  metrics: string | undefined;
  /** Closes its connections without an answer. */
  silent: boolean;
}

/** A store, and instances that take its text up. */
async function startLab(count: number) {
  const lab = { text: BEFORE.text, written: [] as string[], onWrite: () => {} };
  const revisionOf = () => (lab.text === BEFORE.text ? BEFORE.revision : AFTER.revision);
  const admins = await Promise.all(Array.from({ length: count }, () => startAdmin(revisionOf)));
  const store = {
    name: 'turnout.yaml',
    async write(text: string, expected: string) {
      if (lab.text !== expected) throw new Error('`turnout.yaml` has been changed meanwhile.');
      lab.text = text;
      lab.written.push(text);
      lab.onWrite();
    },
  };
  const steps: Step[] = [];
  const abort = new AbortController();
  const run = (options: Partial<MoveOptions> = {}) =>
    move(
      { store, before: BEFORE, after: AFTER, rule: 'files', upstream: UPSTREAM },
      {
        instances: admins.map(({ instance }) => instance),
        wait: 100,
        watch: 100,
        guard: 5,
        signal: abort.signal,
        tell: (step) => steps.push(step),
        every: 10,
        ...options,
      },
    );
  return { lab, admins, steps, abort, run, store };
}

async function startAdmin(revisionOf: () => string): Promise<Admin> {
  const server = createServer((request, response) => {
    if (admin.silent) {
      request.socket.destroy();
      return;
    }
    if (request.url === '/metrics') {
      response.writeHead(admin.metrics === undefined ? 404 : 200).end(admin.metrics);
      return;
    }
    response
      .writeHead(admin.status)
      .end(JSON.stringify({ revision: admin.revision ?? revisionOf(), failure: admin.failure }));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const admin: Admin = {
    instance: createInstance(`http://127.0.0.1:${port}`),
    status: 200,
    revision: undefined,
    failure: undefined,
    metrics: undefined,
    silent: false,
  };
  return admin;
}

/** Metrics of the rule. */
const counted = (requests: number, errors: number, refusals = 0, upstream = UPSTREAM): string =>
  Object.entries({ requests, errors, refusals })
    .map(([name, value]) => `turnout_upstream_${name}_total{rule="files",upstream="${upstream}"} ${value}\n`)
    .join('');

describe('a move', () => {
  test('is written, served by all and watched', async () => {
    const { lab, steps, run } = await startLab(2);
    expect(await run()).toBe('done');
    expect(lab.text).toBe('new');
    expect(steps.map(({ type }) => type)).toEqual(['written', 'serving', 'serving', 'watching', 'watched']);
  });

  test('needs nobody to serve it', async () => {
    const { lab, steps, run } = await startLab(0);
    expect(await run()).toBe('done');
    expect([lab.text, steps.length]).toEqual(['new', 1]);
  });

  test('waits for the one that is late', async () => {
    const { admins, run, lab } = await startLab(2);
    const [, late] = admins as [Admin, Admin];
    late.revision = BEFORE.revision;
    lab.onWrite = () => void setTimeout(() => Object.assign(late, { revision: undefined }), 60);
    expect(await run({ wait: 5000, watch: 0 })).toBe('done');
  });

  test.each<readonly [string, (admin: Admin) => void, RegExp]>([
    ['is silent', (admin) => Object.assign(admin, { silent: true }), /^http:\S+ does not answer: /],
    [
      'is draining',
      (admin) => Object.assign(admin, { status: 503 }),
      /^http:\S+ wants no requests; nothing was written/,
    ],
    [
      'serves something else',
      (admin) => Object.assign(admin, { revision: 'ffffffffffff', failure: 'turnout.yaml:1:1 x' }),
      /serves revision ffffffffffff, and turnout\.yaml is at 000000000000; nothing was written\.\nturnout\.yaml:1:1 x/,
    ],
    [
      'is something else',
      (admin) => Object.assign(admin, { status: 404 }),
      /is no admin address of turnout serve: its \/readyz answers 404/,
    ],
  ])('does not begin when an instance %s', async (_, spoil, message) => {
    const { admins, lab, run } = await startLab(2);
    spoil(admins[1] as Admin);
    await expect(run()).rejects.toThrow(message);
    expect(lab.written).toEqual([]);
  });

  test('does not begin when the rules have been changed, or cannot be written to', async () => {
    const { lab, run, store } = await startLab(1);
    lab.text = 'other';
    await expect(run({ instances: [] })).rejects.toThrow('has been changed meanwhile');
    expect(lab.text).toBe('other');
    Object.assign(store, { write: undefined });
    await expect(run()).rejects.toThrow('cannot be written to from here');
  });

  test('is taken back when one does not take it up, which it names', async () => {
    const { admins, lab, steps, run } = await startLab(2);
    const late = admins[1] as Admin;
    Object.assign(late, { revision: BEFORE.revision, failure: 'turnout.yaml:1:1 unknown_protocol' });
    expect(await run()).toBe('restored');
    expect(lab.written).toEqual(['new', 'old']);
    expect(steps.find(({ type }) => type === 'tripped')).toEqual({
      type: 'tripped',
      reason: `${late.instance.address} still serves revision 000000000000 after 0.1 seconds: turnout.yaml:1:1 unknown_protocol`,
    });
    expect(steps.at(-1)).toEqual({ type: 'restored', revision: BEFORE.revision, serving: true });
  });

  test.each<readonly [string, string, string, RegExp | undefined]>([
    [
      'too many requests fail',
      counted(50, 10),
      counted(100, 13),
      /^3 of 50 requests failed at http:\/\/new\.example, more than 5 %$/,
    ],
    ['all fail', '', counted(3, 3), /^3 of 3 requests failed/],
    ['few fail', counted(50, 50), counted(150, 55), undefined],
    ['two fail', '', counted(2, 2), undefined],
    ['others fail', '', counted(50, 50, 0, 'http://old.example'), undefined],
    ['an instance has started anew', counted(500, 0), counted(4, 3), /^3 of 4/],
    [
      'it falls out of order',
      '',
      `turnout_upstream_in_order{upstream="${UPSTREAM}"} 0\n`,
      /is out of order$/,
    ],
    [
      'it was out of order',
      `turnout_upstream_in_order{upstream="${UPSTREAM}"} 0\n`,
      `turnout_upstream_in_order{upstream="${UPSTREAM}"} 0\n`,
      undefined,
    ],
    [
      'it loses its share',
      '',
      `turnout_upstream_trips_total{rule="files",upstream="${UPSTREAM}"} 1\n`,
      /fared worse/,
    ],
    [
      'nothing is found there',
      counted(40, 0, 4, 'http://old.example'),
      counted(10, 0, 10),
      /^10 of 10 requests were refused or not found at \S+, before it was 10 %$/,
    ],
    [
      'little is found there, as before',
      counted(40, 0, 30, 'http://old.example'),
      counted(10, 0, 8),
      undefined,
    ],
    ['nothing is found, and nothing was known', '', counted(10, 0, 10), undefined],
  ])('when %s: is it taken back?', async (_, before, after, reason) => {
    const { admins, lab, steps, run } = await startLab(2);
    const second = admins[1] as Admin;
    second.metrics = before;
    lab.onWrite = () => Object.assign(second, { metrics: after });
    expect(await run()).toBe(reason ? 'restored' : 'done');
    expect(lab.text).toBe(reason ? 'old' : 'new');
    const tripped = steps.find(({ type }) => type === 'tripped');
    if (reason) expect(tripped).toEqual({ type: 'tripped', reason: expect.stringMatching(reason) });
    else expect(tripped).toBeUndefined();
  });

  test('is taken back when an instance falls silent, not when it misses one question', async () => {
    const { admins, lab, steps, run } = await startLab(1);
    const [admin] = admins as [Admin];
    const tell = (step: Step) => {
      steps.push(step);
      if (step.type === 'watching') admin.silent = true;
      if (step.type === 'watching' && lab.written.length === 1)
        setTimeout(() => Object.assign(admin, { silent: false }), 5);
    };
    expect(await run({ tell, every: 50, watch: 120 })).toBe('done');
    lab.text = 'old';
    const forever = (step: Step) => step.type === 'watching' && Object.assign(admin, { silent: true });
    expect(await run({ tell: forever, watch: 5000 })).toBe('restored');
    expect(lab.text).toBe('old');
  });

  test('leaves alone what somebody else has made of the rules meanwhile', async () => {
    const { admins, lab, run } = await startLab(1);
    const tell = (step: Step) => {
      if (step.type !== 'watching') return;
      lab.text = 'theirs';
      Object.assign(admins[0] as Admin, { revision: '222222222222' });
    };
    await expect(run({ tell, watch: 5000 })).rejects.toThrow(
      /serves revision 222222222222: somebody has changed the rules/,
    );
    expect(lab.text).toBe('theirs');
  });

  test('says when it could not be taken back', async () => {
    const { admins, lab, run } = await startLab(1);
    Object.assign(admins[0] as Admin, { revision: BEFORE.revision });
    lab.onWrite = () => Object.assign(lab, { text: 'theirs' });
    await expect(run()).rejects.toThrow(
      'turnout.yaml could not be written back: `turnout.yaml` has been changed',
    );
    expect(lab.text).toBe('theirs');
  });

  test('that is interrupted stays, and before it is written leaves no trace', async () => {
    const { lab, steps, abort, run } = await startLab(1);
    const tell = (step: Step) => {
      steps.push(step);
      if (step.type === 'watching') abort.abort();
    };
    expect(await run({ tell, watch: 5000 })).toBe('interrupted');
    expect([lab.text, steps.at(-1)]).toEqual(['new', { type: 'interrupted', revision: AFTER.revision }]);
    lab.text = 'old';
    expect(await run()).toBe('interrupted');
    expect(lab.text).toBe('old');
  });
});

test.each([
  ['http://127.0.0.1:9090', 'http://127.0.0.1:9090'],
  ['127.0.0.1:9090', 'http://127.0.0.1:9090'],
  ['https://[::1]:9090/', 'https://[::1]:9090'],
])('an instance is at %s', (text, address) => {
  expect(readInstance(text, []).map((instance) => instance.address)).toEqual([address]);
});

test.each(['http://127.0.0.1:9090/readyz', 'a b', 'http://'])('an instance is not at %s', (text) => {
  expect(() => readInstance(text, [])).toThrow('Write an admin address');
});
