import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyRange } from './key-index.ts';
import { Mvcc } from './mvcc.ts';
import type { JournalRecord } from './state-records.ts';
import { sealBytes } from './state-seal.ts';
import type { WatchEvent } from './types.ts';
import { WatchHub } from './watch.ts';

/** The naive model: the whole state after every revision. */
class Model {
  readonly states: Map<string, string>[] = [new Map(), new Map()];
  compacted = 0;

  get revision(): number {
    return this.states.length - 1;
  }

  change(edit: (state: Map<string, string>) => void): void {
    const next = new Map(this.states.at(-1));
    edit(next);
    this.states.push(next);
  }
}

/** A disk that keeps what was flushed. */
class Disk {
  readonly records = new Map<string, Buffer>();
  bytes = 0;

  read(key: Buffer): Buffer | undefined {
    return this.records.get(key.toString('hex'));
  }

  flush(state: Mvcc, record: JournalRecord): void {
    for (const operation of record.operations) {
      const key = operation.key.toString('hex');
      if (operation.type === 'put') this.records.set(key, operation.value);
      else this.records.delete(key);
    }
    this.bytes += record.growth;
    let stored = 0;
    for (const [key, value] of this.records) stored += key.length / 2 + value.length + sealBytes;
    assert.equal(this.bytes, stored, 'what a record says about its size');
    state.flushed(record);
  }

  reload(revision: number, compactRevision: number): Mvcc {
    const state = new Mvcc(this);
    state.restore(revision, compactRevision);
    for (const [key, value] of [...this.records].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const bytes = Buffer.from(key, 'hex');
      if (bytes[0] === 0x72) state.load(bytes.readUInt32BE(5), value);
    }
    return state;
  }
}

const key = fc.constantFrom('a', 'a\u00ff', 'ab', 'b', 'c');
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('put' as const), key, value: fc.string({ maxLength: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), key, to: key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('both' as const), key, to: key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), back: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'flush' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'sweep' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
);

function contents(state: Mvcc, revision: number): Map<string, string> {
  const found = new Map<string, string>();
  state.index.scan(keyRange(Buffer.from([0]), Buffer.from([0])), revision, (k, record) => {
    found.set(k, state.content(record).value.toString());
  });
  return found;
}

function sorted(map: Map<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

test('every readable revision shows what a naive model shows, across compaction, flushing and restart', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const disk = new Disk();
      let state = new Mvcc(disk);
      const model = new Model();
      let index = 0;
      for (const s of steps) {
        if (s.do === 'put') {
          state.write(() => state.put(Buffer.from(s.key, 'latin1'), Buffer.from(s.value), 0n));
          model.change((m) => m.set(s.key, s.value));
        } else if (s.do === 'delete' || s.do === 'both') {
          const before = model.states.at(-1) ?? new Map<string, string>();
          const range = { from: s.key, to: s.to };
          const gone = [...before.keys()].filter((k) => k >= s.key && k < s.to);
          state.write(() => {
            state.deleteRange(range);
            if (s.do === 'both') state.put(Buffer.from('z'), Buffer.from('both'), 0n);
          });
          if (gone.length > 0 || s.do === 'both')
            model.change((m) => {
              for (const k of gone) m.delete(k);
              if (s.do === 'both') m.set('z', 'both');
            });
        } else if (s.do === 'compact') {
          const target = model.revision - s.back;
          if (target <= model.compacted || target < 1) continue;
          state.compact(target);
          model.compacted = target;
        } else {
          disk.flush(state, state.takeJournal(++index, 1));
          if (s.do === 'sweep') {
            // Slices of which some reach the disk before others.
            for (let slice = 0; state.sweeping && slice < 3; slice++) state.sweep(1);
          }
          if (s.do === 'restart') state = disk.reload(state.revision, state.compactRevision);
        }
        assert.equal(state.revision, model.revision);
        for (let revision = Math.max(1, model.compacted); revision <= model.revision; revision++)
          assert.deepEqual([...contents(state, revision)], sorted(model.states[revision] ?? new Map()));
      }
    }),
    { numRuns: 300 },
  );
});

test('a sweep that a crash interrupted goes on after the restart, and leaves nothing that nobody can read', () => {
  const disk = new Disk();
  let state = new Mvcc(disk);
  let index = 0;
  const write = (keys: number, value: string): void => {
    for (let i = 0; i < keys; i++) {
      state.write(() => state.put(Buffer.from(`k${i % 5_000}`), Buffer.from(value), 0n));
      if (i % 50 === 0) disk.flush(state, state.takeJournal(++index, 1));
    }
    disk.flush(state, state.takeJournal(++index, 1));
  };
  write(5_000, 'first');
  write(2_500, 'second');
  const before = disk.records.size;
  state.compact(state.revision);
  let slices = 0;
  // Enough for the index and some of the blocks.
  for (; slices < 20; slices++) state.sweep(1);
  assert.ok(state.sweeping);
  disk.flush(state, state.takeJournal(++index, 1));
  state = disk.reload(state.revision, state.compactRevision);
  for (; state.sweeping; slices++) {
    assert.ok(slices < 1_000, 'it ends');
    state.sweep(32);
    disk.flush(state, state.takeJournal(++index, 1));
  }
  assert.equal(disk.records.size, before - 50, 'blocks of replaced values alone are gone');
  const stored = [...disk.records.values()].reduce((bytes, { length }) => bytes + length, 0);
  const values = contents(state, state.revision);
  assert.equal(values.size, 5_000);
  assert.deepEqual([values.get('k0'), values.get('k4999')], ['second', 'first']);
  state = disk.reload(state.revision, state.compactRevision);
  assert.deepEqual(contents(state, state.revision), values);
  assert.ok(stored < 5_000 * 40, `${stored} bytes are left`);
});

test('a block of which nothing is left is taken away without being read, and one of which something is left is read once', () => {
  const disk = new Disk();
  const read: number[] = [];
  const state = new Mvcc({
    read: (from) => {
      read.push(from.readUInt32BE(5));
      return disk.read(from);
    },
  });
  let index = 0;
  const entry = (...keys: string[]): number => {
    const start = state.revision + 1;
    for (const each of keys) state.write(() => state.put(Buffer.from(each), Buffer.from('value'), 0n));
    disk.flush(state, state.takeJournal(++index, 1));
    return start;
  };
  entry('a', 'b');
  const half = entry('a', 'c');
  entry('a', 'a', 'a');
  const kept = entry('a', 'b');
  state.compact(state.revision);
  while (state.sweeping) state.sweep(1);
  disk.flush(state, state.takeJournal(++index, 1));
  assert.deepEqual(read, [half]);
  assert.deepEqual(
    [...disk.records.keys()]
      .map((each) => Buffer.from(each, 'hex').readUInt32BE(5))
      .toSorted((a, b) => a - b),
    [half, kept],
  );
});

test('a watcher sees every change once and in order, whether it starts in the past, is slow, or both', async () => {
  const state = new Mvcc({ read: () => undefined });
  const hub = new WatchHub(state);
  const put = (i: number): void => {
    state.write(() => state.put(Buffer.from(`k${i % 3}`), Buffer.from(`${i}`), 0n));
    hub.revisions(state.revision, state.revision);
  };
  for (let i = 0; i < 50; i++) put(i);
  const seen: number[] = [];
  const watcher = hub.add({
    range: keyRange(Buffer.from('k'), Buffer.from('l')),
    from: 10,
    prevKv: false,
    noPut: false,
    noDelete: false,
    deliver: (events: readonly WatchEvent[]) => {
      for (const { kv } of events) seen.push(kv.modRevision);
      return seen.length % 4 !== 0;
    },
    compacted: () => assert.fail('nothing was compacted'),
  });
  for (let i = 50; i < 200; i++) {
    put(i);
    if (i % 7 === 0) hub.resume(watcher);
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  while (watcher.next <= state.revision) {
    hub.resume(watcher);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    seen,
    Array.from({ length: state.revision - 9 }, (_, i) => i + 10),
  );
});

test('a watch that begins before the compaction is told so', async () => {
  const state = new Mvcc({ read: () => undefined });
  const hub = new WatchHub(state);
  for (let i = 0; i < 10; i++) state.write(() => state.put(Buffer.from('k'), Buffer.from(`${i}`), 0n));
  state.compact(8);
  const compacted = await new Promise<number>((resolve) => {
    hub.add({
      range: keyRange(Buffer.from('k'), Buffer.alloc(0)),
      from: 3,
      prevKv: false,
      noPut: false,
      noDelete: false,
      deliver: () => true,
      compacted: resolve,
    });
  });
  assert.equal(compacted, 8);
});
