import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isRuleError } from '../../src/core/errors.ts';
import { followRules } from '../../src/rules/follow.ts';
import { type LiveRules, loadRules, type RuleStore, type SourceState } from '../../src/rules/index.ts';
import { parseRules } from '../../src/rules/parse.ts';
import type { StoreRead, TextKeeper } from '../../src/rules/store.ts';

const rulesTo = (host: string): string => `rules:\n  - protocol: file\n    to: ${host}\n`;
const hostOf = ({ current }: LiveRules): string | undefined => current.rules[0]?.upstreams[0]?.host;

/** A store whose texts a test chooses. */
class Faked implements RuleStore {
  readonly name: string = 'faked:rules';
  text: string | Error | Promise<never> = rulesTo('a.example');
  reads = 0;
  closed = 0;
  last: StoreRead | undefined;
  hint = () => {};
  async read(read: StoreRead) {
    this.reads += 1;
    this.last = read;
    const text = await this.text;
    if (text instanceof Error) throw text;
    return text === read.known ? undefined : { text, version: text };
  }
  watch(onHint: () => void): void {
    this.hint = onHint;
  }
  close(): void {
    this.closed += 1;
  }
}

/** Waits, on the faked clock, for what a look brings. */
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 20 });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Follows a faked store, and collects what is told. */
async function follow(store = new Faked(), keeper?: TextKeeper) {
  const reloads: string[] = [];
  const errors: Error[] = [];
  const states: SourceState[] = [];
  const kept: Error[] = [];
  const source = await followRules(store, {
    parse: (text) => parseRules(text, { file: store.name }),
    keeper,
    watch: true,
    poll: 100,
    timeout: 500,
    onReload: (_, revision) => reloads.push(revision),
    onError: (error) => errors.push(error),
    onState: (state) => states.push(state),
    onKeepError: (error) => kept.push(error),
  });
  return { store, source, reloads, errors, states, kept };
}

/** A keeper with a copy, which collects what it is to keep. */
function fakeKeeper(copy?: string): TextKeeper & { readonly kept: string[] } {
  const kept: string[] = [];
  return { kept, recall: async () => copy, keep: async (text) => void kept.push(text) };
}

describe('a change', () => {
  test('is taken up after a hint at once, and without one by the next poll', async () => {
    const { store, source, reloads } = await follow();
    store.text = rulesTo('b.example');
    store.hint();
    await vi.waitFor(() => expect(hostOf(source)).toBe('b.example'), { timeout: 200, interval: 10 });
    store.text = rulesTo('c.example');
    await vi.waitFor(() => expect(hostOf(source)).toBe('c.example'), { timeout: 1200, interval: 10 });
    expect(reloads).toHaveLength(2);
    expect(reloads.at(-1)).toBe(source.revision);
    source.close();
  });

  test('is asked for with the version that is known', async () => {
    const { store, source } = await follow();
    expect(store.last?.known).toBeUndefined();
    await until(() => expect(store.last?.known).toBe(rulesTo('a.example')));
    source.close();
  });

  test('leaves the rules of before alone, which are another object', async () => {
    const { store, source } = await follow();
    const before = source.current;
    store.text = rulesTo('b.example');
    await until(() => expect(source.current).not.toBe(before));
    expect(before.rules[0]?.upstreams[0]?.host).toBe('a.example');
    source.close();
  });
});

describe('a text with a mistake', () => {
  test('changes nothing, is told once with its lines, and is no reason to look more seldom', async () => {
    const { store, source, reloads, errors, states } = await follow();
    store.text = 'rules:\n  - protocol: file\n    too: b.example\n';
    await until(() => expect(errors).toHaveLength(1));
    expect(isRuleError(errors[0])).toBe(true);
    expect(errors[0]?.message).toContain('faked:rules:3:5 unknown_key');
    const { reads } = store;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(store.reads - reads).toBeGreaterThanOrEqual(60);
    expect(errors).toHaveLength(1);
    expect([hostOf(source), source.state.ok, reloads]).toEqual(['a.example', false, []]);
    expect(source.state.lastError).toBe(errors[0]);

    store.text = rulesTo('a.example');
    await until(() => expect(reloads).toEqual([source.revision]));
    expect(source.state).toMatchObject({ ok: true, lastError: errors[0] });
    expect(states.map(({ ok }) => ok)).toEqual([false, true]);
    source.close();
  });

  test('may not run programs', async () => {
    const store = new Faked();
    store.text = 'rules:\n  - protocol: file\n    to: a.example\n    auth: { command: [cat] }\n';
    await expect(loadRules(store)).rejects.toThrow('command_not_allowed');
  });
});

describe('a store that cannot be read', () => {
  test('is left alone for longer each time, and looked at again when it hints', async () => {
    const { store, source, errors } = await follow();
    store.text = new Error('refused');
    await until(() => expect(errors).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(60_000);
    const { reads } = store;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(store.reads - reads).toBeLessThanOrEqual(4);
    expect(errors).toHaveLength(1);
    store.text = rulesTo('b.example');
    store.hint();
    await vi.waitFor(() => expect(hostOf(source)).toBe('b.example'), { timeout: 200, interval: 10 });
    source.close();
  });

  test('is given up after a time when it does not answer', async () => {
    const { store, source, errors } = await follow();
    store.text = new Promise<never>(() => {});
    await vi.waitFor(() => expect(errors).toHaveLength(1), { timeout: 10_000, interval: 100 });
    expect(errors[0]?.message).toBe('`faked:rules` has not answered within 0.5 seconds.');
    expect(store.last?.signal.aborted).toBe(true);
    store.text = rulesTo('b.example');
    await vi.waitFor(() => expect(hostOf(source)).toBe('b.example'), { timeout: 3000, interval: 100 });
    source.close();
  });

  test('says so at a start, and is closed', async () => {
    const store = new Faked();
    store.text = new Error('refused');
    await expect(follow(store)).rejects.toThrow('refused');
    expect(store.closed).toBe(1);
  });

  test('that says nothing has changed when nothing is known is not believed', async () => {
    const store = new Faked();
    store.read = async () => undefined;
    await expect(follow(store)).rejects.toThrow('never said what it has');
  });
});

describe('the copy', () => {
  test('serves when the store is down at a start, and the store as soon as it is back', async () => {
    const store = new Faked();
    store.text = new Error('refused');
    const keeper = fakeKeeper(rulesTo('kept.example'));
    const { source, errors, reloads, states } = await follow(store, keeper);
    expect(hostOf(source)).toBe('kept.example');
    expect(errors.map(({ message }) => message)).toEqual(['refused']);
    expect(source.state).toMatchObject({ ok: false, from: 'copy', lastSuccess: undefined });
    store.text = rulesTo('kept.example');
    await until(() => expect(reloads).toEqual([source.revision]));
    expect(source.state).toMatchObject({ ok: true, from: 'store' });
    expect(states.map(({ ok }) => ok)).toEqual([false, true]);
    source.close();
  });

  test('serves when the store has a mistake at a start', async () => {
    const store = new Faked();
    store.text = 'rules: [';
    const { source } = await follow(store, fakeKeeper(rulesTo('kept.example')));
    expect(hostOf(source)).toBe('kept.example');
    source.close();
  });

  test.each([
    ['there is none', undefined],
    ['it has a mistake', 'rules: ['],
  ])('does not hide what is wrong with the store when %s', async (_, copy) => {
    const store = new Faked();
    store.text = new Error('refused');
    await expect(follow(store, fakeKeeper(copy))).rejects.toThrow('refused');
  });

  test('is given every text that comes into force, and no other', async () => {
    const keeper = fakeKeeper();
    const { store, source, errors } = await follow(new Faked(), keeper);
    store.text = 'rules: [';
    await until(() => expect(errors).toHaveLength(1));
    store.text = rulesTo('b.example');
    await until(() => expect(keeper.kept).toEqual([rulesTo('a.example'), rulesTo('b.example')]));
    source.close();
  });

  test('that cannot be written is told of once, and the rules serve', async () => {
    const keeper = { ...fakeKeeper(), keep: () => Promise.reject(new Error('disk full')) };
    const { store, source, kept, errors } = await follow(new Faked(), keeper);
    store.text = rulesTo('b.example');
    await until(() => expect(hostOf(source)).toBe('b.example'));
    expect(kept.map(({ message }) => message)).toEqual(['disk full']);
    expect([errors, source.state.ok]).toEqual([[], true]);
    source.close();
  });
});

describe('closing', () => {
  test('ends the looking and a look that runs, once and for all', async () => {
    const { store, source, errors } = await follow();
    store.text = new Promise<never>(() => {});
    const { reads } = store;
    await until(() => expect(store.reads).toBe(reads + 1));
    source.close();
    source.close();
    expect([store.closed, store.last?.signal.aborted]).toEqual([1, true]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([store.reads, errors, hostOf(source)]).toEqual([reads + 1, [], 'a.example']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is not needed without watching', async () => {
    const store = new Faked();
    const source = await loadRules(store);
    expect(store.closed).toBe(1);
    expect(source.revision).toMatch(/^[\da-f]{12}$/);
    expect(vi.getTimerCount()).toBe(0);
  });
});

test('hooks that throw do no harm', async () => {
  const store = new Faked();
  const told: string[] = [];
  const fail = (what: string) => () => {
    told.push(what);
    throw new Error(what);
  };
  const hooks = { onReload: fail('reload'), onError: fail('error'), onState: fail('state') };
  const source = await loadRules(store, { ...hooks, watch: true, poll: 100 });
  store.text = rulesTo('b.example');
  await until(() => expect(hostOf(source)).toBe('b.example'));
  store.text = 'rules: [';
  await until(() => expect(told).toContain('state'));
  store.text = rulesTo('c.example');
  await until(() => expect(hostOf(source)).toBe('c.example'));
  source.close();
});
