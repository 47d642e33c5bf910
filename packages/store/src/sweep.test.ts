import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyRange } from './key-index.ts';
import { Mvcc } from './mvcc.ts';
import type { JournalRecord } from './state-records.ts';

/** A disk of which a crash keeps what was flushed so far. */
class Disk {
  records = new Map<string, Buffer>();

  read(key: Buffer): Buffer | undefined {
    return this.records.get(key.toString('hex'));
  }

  flush({ operations }: Pick<JournalRecord, 'operations'>): void {
    for (const operation of operations) {
      const key = operation.key.toString('hex');
      if (operation.type === 'put') this.records.set(key, operation.value);
      else this.records.delete(key);
    }
  }

  recover(revision: number, compactRevision: number): Mvcc {
    const state = new Mvcc(this);
    state.restore(revision, compactRevision);
    for (const [key, value] of [...this.records].sort(([a], [b]) => (a < b ? -1 : 1)))
      state.load(Buffer.from(key, 'hex').readUInt32BE(5), value);
    return state;
  }
}

function keys(state: Mvcc, revision: number): string[] {
  const found: string[] = [];
  state.index.scan({ from: '', to: '\u0100' }, revision, (key) => void found.push(key));
  return found;
}

test('a crash at any point of a sweep brings back no key that was deleted before the compaction', () => {
  const disk = new Disk();
  const state = new Mvcc(disk);
  let index = 0;
  const entry = (change: () => void): void => {
    state.write(change);
    const record = state.takeJournal(++index, 1);
    disk.flush(record);
    state.flushed(record);
  };
  const put = (key: string, value: string): void => state.put(Buffer.from(key), Buffer.from(value), 0n);
  entry(() => put('k7', 'first'));
  entry(() => put('a1', 'lives'));
  entry(() => put('k7', 'second'));
  entry(() => {
    put('a1', 'lives on');
    state.deleteRange(keyRange(Buffer.from('k7'), Buffer.alloc(0)));
  });
  entry(() => put('a1', 'and on'));
  state.compact(state.revision);
  let points = 0;
  do {
    state.sweep(1);
    const record = state.takeJournal(++index, 1);
    disk.flush(record);
    state.flushed(record);
    const after = disk.recover(state.revision, state.compactRevision);
    assert.deepEqual(keys(after, after.revision), ['a1'], `after ${points} slices`);
    points += 1;
  } while (state.sweeping);
  assert.ok(points > 3);
});
