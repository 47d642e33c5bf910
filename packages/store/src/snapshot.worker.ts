/**
 * Reads a state for somebody who takes a snapshot, into memory that it shares with the main thread. See
 * snapshot-readers.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { niceThisThread } from './background-threads.ts';
import { systemClock } from './clock.ts';
import { openLevel } from './levels.ts';
import { piecesOf } from './snapshot-pieces.ts';
import {
  type FilledSlot,
  type FoundDamage,
  type ReaderOrder,
  type ReaderWorkerData,
  roomBytes,
  slotBytes,
  slots,
} from './snapshot-readers.ts';
import { StateCorruptError } from './state-seal.ts';

if (parentPort === null) throw new Error('the reader of a snapshot must be started as a worker');
const port = parentPort;
const { path, memory } = workerData as ReaderWorkerData;
niceThisThread();

const main = {
  free: Array.from({ length: slots }, (_, slot) => slot),
  ended: false,
  said: (): void => undefined,
};

port.on('message', (order: ReaderOrder) => {
  if (order === 'end') main.ended = true;
  else main.free.push(order);
  main.said();
});

/** Undefined when nobody wants more. */
async function freeSlot(): Promise<number | undefined> {
  while (main.free.length === 0 && !main.ended)
    await new Promise<void>((resolve) => (main.said = (): void => resolve()));
  return main.ended ? undefined : main.free.pop();
}

const level = await openLevel(path);
try {
  for await (const { blob, remaining } of piecesOf(level, systemClock)) {
    const slot = await freeSlot();
    if (slot === undefined) break;
    new Uint8Array(memory, slot * slotBytes + roomBytes, blob.length).set(blob);
    port.postMessage({ slot, length: blob.length, remaining } satisfies FilledSlot);
  }
} catch (error) {
  if (!(error instanceof StateCorruptError)) throw error;
  port.postMessage({ damage: error.message } satisfies FoundDamage);
} finally {
  await level.close();
  port.close();
}
