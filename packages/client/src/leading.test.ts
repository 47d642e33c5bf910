import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lead, type Term } from './leading.ts';
import type { Office, OfficeState } from './office.ts';
import { passiveOffice } from './office.ts';

class SettableOffice implements Office {
  state: OfficeState = passiveOffice;
  readonly #listeners = new Set<(state: OfficeState) => void>();
  holds(): boolean {
    return this.state.role === 'active';
  }
  onChange(listener: (state: OfficeState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  close(): void {
    this.#listeners.clear();
  }
  set(state: Partial<OfficeState>): void {
    this.state = { ...passiveOffice, ...state };
    for (const listener of this.#listeners) listener(this.state);
  }
}

function cache(): {
  synced: Promise<void>;
  catchUp: (revision: number) => Promise<void>;
  asked: number[];
  reach: () => void;
} {
  const gate = Promise.withResolvers<void>();
  const asked: number[] = [];
  return {
    synced: Promise.resolve(),
    catchUp: (revision) => {
      asked.push(revision);
      return gate.promise;
    },
    asked,
    reach: () => gate.resolve(),
  };
}

test('a term starts when the office is held and every cache has reached its revision, and carries its token', async () => {
  const office = new SettableOffice();
  const source = cache();
  const started = Promise.withResolvers<Term>();
  const stopped = Promise.withResolvers<void>();
  let early = true;
  const leader = lead({
    office,
    informers: [source],
    onError: (error) => started.reject(error),
    start: (term) => {
      assert.equal(early, false);
      started.resolve(term);
      return { stop: async () => stopped.resolve() };
    },
  });
  office.set({ role: 'active', token: '7@m', revision: 42 });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(source.asked, [42]);
  early = false;
  source.reach();
  const term = await started.promise;
  assert.equal(term.write.office, '7@m');
  office.set({ role: 'passive' });
  assert.equal(term.signal.aborted, true);
  await stopped.promise;
  await leader.stop();
});

test('an office lost while caches catch up starts nothing', async () => {
  const office = new SettableOffice();
  const source = cache();
  let starts = 0;
  const leader = lead({
    office,
    informers: [source],
    onError: () => undefined,
    start: () => {
      starts += 1;
      return { stop: () => Promise.resolve() };
    },
  });
  office.set({ role: 'active', token: '7@m', revision: 42 });
  await new Promise((resolve) => setImmediate(resolve));
  office.set({ role: 'passive' });
  source.reach();
  await new Promise((resolve) => setImmediate(resolve));
  await leader.stop();
  assert.equal(starts, 0);
});

test('without an office there is one term, without a token', async () => {
  const source = cache();
  source.reach();
  const started = Promise.withResolvers<Term>();
  const leader = lead({
    informers: [source],
    onError: (error) => started.reject(error),
    start: (term) => {
      started.resolve(term);
      return { stop: () => Promise.resolve() };
    },
  });
  assert.equal((await started.promise).write.office, undefined);
  await leader.stop();
});
