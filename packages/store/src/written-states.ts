/** For tests: states in temporary folders, written batch by batch, and what is found of them. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Mvcc } from './mvcc.ts';
import type { JournalRecord } from './state-records.ts';
import { StateDisk, type StateMeta } from './state-disk.ts';
import { atEnd } from './testing/at-end.ts';
import { firstVersion, metaBehindBlocksVersion } from './versions/entry-versions.ts';

export function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'state-'));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Versions of the log: with what a state says of itself in front of its blocks, and behind them. */
export const layouts = [
  [firstVersion, 'in front of its blocks'],
  [metaBehindBlocksVersion, 'behind its blocks'],
] as const;

export function metaAt(record: JournalRecord, clusterVersion: number = metaBehindBlocksVersion): StateMeta {
  return {
    clusterVersion,
    cluster: 'c',
    index: record.index,
    term: 1,
    revision: record.revision,
    compactRevision: record.compactRevision,
    configuration: { voters: ['a'], learners: [] },
    members: [],
  };
}

export function contents(state: Mvcc): string {
  const lines: string[] = [];
  state.index.scan({ from: '', to: '\u0100' }, state.revision, (key, record) => {
    lines.push(`${key}=${state.content(record).value.toString('latin1')}@${record.main}`);
  });
  return [...lines, ...[...state.leases.values()].map(({ id, ttl }) => `lease ${id} ${ttl}`)].join('\n');
}

/** Writes a state in several batches. Returns what was there after each, by log index. */
export async function filled(
  folder: string,
  batches: number,
  versionAt: (index: number) => number = () => metaBehindBlocksVersion,
): Promise<Map<number, string>> {
  const disk = new StateDisk(folder);
  await disk.open();
  await disk.settle(0);
  const state = new Mvcc(disk);
  const seen = new Map<number, string>();
  for (let index = 1; index <= batches; index++) {
    for (let i = 0; i < 20; i++) {
      const key = Buffer.from(`key-${(index * 7 + i) % 60}`);
      state.write(() => state.put(key, Buffer.from(`value ${index} ${i} `.repeat(20)), 0n));
    }
    state.grantLease(BigInt(index), 10 * index);
    if (index % 4 === 0) state.revokeLease(BigInt(index - 1));
    if (index % 5 === 0) state.compact(state.revision - 30);
    const record = state.takeJournal(index, 1);
    await disk.flush([record], metaAt(record, versionAt(index)));
    state.flushed(record);
    seen.set(index, contents(state));
    if (index === Math.floor(batches / 2)) await disk.reclaim(() => Promise.resolve());
  }
  await disk.close();
  return seen;
}

/** What a member would find in the folder. */
export async function recovered(
  folder: string,
): Promise<{ readonly index: number; readonly contents: string }> {
  const disk = new StateDisk(folder);
  await disk.open();
  try {
    const meta = await disk.settle(0);
    const state = new Mvcc(disk);
    if (meta !== undefined) await disk.load(state, meta);
    return { index: meta?.index ?? 0, contents: contents(state) };
  } finally {
    await disk.close();
  }
}

/** An open state, and how to add megabytes to it. */
export async function large(
  folder: string,
): Promise<{ disk: StateDisk; write: (megabytes: number) => Promise<void> }> {
  const disk = new StateDisk(folder);
  await disk.open();
  await disk.settle(0);
  const state = new Mvcc(disk);
  let index = 0;
  const write = async (megabytes: number): Promise<void> => {
    for (let i = 0; i < megabytes * 20; i++)
      state.write(() => state.put(Buffer.from(`key-${index}-${i}`), randomBytes(50_000), 0n));
    const record = state.takeJournal(++index, 1);
    await disk.flush([record], metaAt(record));
    state.flushed(record);
  };
  return { disk, write };
}
