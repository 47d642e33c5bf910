/**
 * The state of a member as the bytes of a snapshot's file, on their way to a client. The state is read no faster than
 * the client takes it and other work allows; one that takes nothing for long is given up, for LevelDB keeps what it reads from being reclaimed.
 */
import { systemClock } from './clock.ts';
import type { Member } from './member.ts';
import type { SnapshotPiece } from './snapshot-pieces.ts';

const flushTimeoutMs = 10_000;
const idleMs = 60_000;

/**
 * Calls `write` with each piece; the piece is there until what it returns resolves.
 * Ends early, and quietly, when `signal` does.
 */
export async function streamSnapshot(
  member: Pick<Member, 'machine' | 'host' | 'disk'>,
  signal: AbortSignal,
  write: (piece: SnapshotPiece) => Promise<void>,
): Promise<void> {
  await flushApplied(member);
  for await (const piece of member.disk.snapshot(systemClock)) {
    if (signal.aborted) return;
    await within(idleMs, write(piece));
  }
}

/** Brings the disk up to what is applied now. The own log may lag behind that. */
async function flushApplied({ machine, host }: Pick<Member, 'machine' | 'host'>): Promise<void> {
  const target = machine.appliedIndex;
  const deadline = performance.now() + flushTimeoutMs;
  while (machine.flushed.index < target) {
    await machine.flush(host.durableIndex);
    if (machine.flushed.index >= target) return;
    if (performance.now() > deadline) throw new Error('the disk does not keep up; ask another member');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the client took nothing for ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
