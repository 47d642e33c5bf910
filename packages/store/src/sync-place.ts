/**
 * Which thread writes the log: its own, or the main one itself. Waking a thread and being woken by it costs more than a
 * quick disk takes for a sync; a slow disk must not keep the main thread from everything else.
 *
 * What syncs took beyond quick is a debt, in milliseconds, which quick ones pay off bit by bit. The main thread waits
 * for the disk while it is free of debt, and gives that up when the debt passes what it may lose: at a stall at once,
 * so that it waits for one sync of a stall and not for the next; on a disk that is merely slow after a while. Each time
 * that happens the way back is twice as long.
 */
export interface SyncPlace {
  readonly place: 'own thread' | 'main thread';
  readonly debtMs: number;
  /** What a failed attempt costs, and more than that is never owed. */
  readonly fineMs: number;
}

const quickMs = 1;
const paidOffMs = 0.5;
const patienceMs = 30;
const firstFineMs = 100;
/** Some 6,000 quick syncs. */
const lastFineMs = 3_200;
/** Of the fine, remitted for a quick sync on the main thread. */
const remittedMs = 0.05;

/** The disk is not known. */
export const unknownDisk: SyncPlace = { place: 'own thread', debtMs: 50, fineMs: firstFineMs };

/** Where the next append is written, after one that took `syncMs` to be durable. */
export function nextPlace({ place, debtMs, fineMs }: SyncPlace, syncMs: number): SyncPlace {
  const isQuick = syncMs <= quickMs;
  const debt = isQuick ? Math.max(0, debtMs - paidOffMs) : debtMs + syncMs - quickMs;
  if (place === 'own thread')
    return { place: debt === 0 ? 'main thread' : place, debtMs: Math.min(debt, fineMs), fineMs };
  if (debt <= patienceMs)
    return { place, debtMs: debt, fineMs: isQuick ? Math.max(firstFineMs, fineMs - remittedMs) : fineMs };
  return { place: 'own thread', debtMs: fineMs, fineMs: Math.min(lastFineMs, fineMs * 2) };
}
