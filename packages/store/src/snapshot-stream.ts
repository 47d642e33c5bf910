/**
 * The state of a member as the bytes of a snapshot's file, on their way to a client. The state is read no faster than
 * the client takes it and other work allows; one that takes nothing for long is given up, for LevelDB keeps what it reads from being reclaimed.
 */
import { systemClock } from './clock.ts';
import type { Member } from './member.ts';
import { type SnapshotDescription, snapshotPieces, snapshotSize } from './snapshot-file.ts';
import { pacedSending } from './transfer-pace.ts';

const flushTimeoutMs = 10_000;
const idleMs = 60_000;

/** Calls `write` with each piece and how much is to come behind it. Ends early, and quietly, when `signal` does. */
export async function streamSnapshot(
  member: Pick<Member, 'machine' | 'host' | 'disk'>,
  signal: AbortSignal,
  write: (blob: Buffer, remaining: number) => Promise<void>,
): Promise<void> {
  await flushApplied(member);
  const view = member.disk.view();
  try {
    const { meta, tally } = view;
    const description: SnapshotDescription = { taken: new Date().toISOString(), meta, tally };
    let remaining = snapshotSize(description);
    for await (const blob of snapshotPieces(description, pacedSending(view.chunks(), systemClock))) {
      if (signal.aborted) return;
      remaining -= blob.length;
      await within(idleMs, write(blob, remaining));
    }
  } finally {
    await view.close();
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
