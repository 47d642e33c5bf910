/**
 * One writer, a thousand watchers of its key, each on a connection of its own. A sample is complete when every watcher
 * has got every write.
 */
import { watch } from './calls.ts';
import { load } from './load.ts';
import { put } from './calls.ts';
import { countField, RawStream } from './raw-stream.ts';
import { inTurn, type Row, type Sample } from './rows.ts';
import type { Side } from './side.ts';

const watchers = 1_000;
const writes = 300;
const key = 'bench/watched';
const value = Buffer.alloc(256, 'v');
const createdField = 3;
const eventsField = 11;
const deadlineMs = 60_000;

async function fanOut(side: Side, directory: string): Promise<Sample> {
  const leader = await side.leader();
  const streams: RawStream[] = [];
  let created = 0;
  let events = 0;
  let wake: () => void = () => undefined;
  let failure: Error | undefined;
  const reach = (what: string, reached: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${side.name}: ${what}: ${created} watches, ${events} events`)),
        deadlineMs,
      );
      wake = () => {
        if (failure === undefined && !reached()) return;
        clearTimeout(timer);
        wake = () => undefined;
        if (failure === undefined) resolve();
        else reject(failure);
      };
      wake();
    });
  try {
    const create = watch(key);
    for (let i = 0; i < watchers; i++) {
      const stream = new RawStream(
        leader.endpoint,
        create.path,
        (bytes, start, end) => {
          const count = countField(bytes, start, end, eventsField);
          events += count;
          if (count === 0) created += countField(bytes, start, end, createdField);
          if (events === watchers * writes || created === watchers) wake();
        },
        (error) => {
          failure ??= error;
          wake();
        },
      );
      stream.send([create.message]);
      streams.push(stream);
    }
    await reach('not every watch was created in time', () => created === watchers);
    const cpuBefore = side.cpu();
    const begin = performance.now();
    const written = load({
      endpoint: leader.endpoint,
      call: put(key, value),
      requests: writes,
      inFlight: 1,
      directory,
    });
    await reach('not every event came in time', () => events >= watchers * writes);
    const seconds = (performance.now() - begin) / 1000;
    const cpu = side.cpu() - cpuBefore;
    await written;
    if (events !== watchers * writes)
      throw new Error(`${side.name}: ${events} events for ${writes} writes and ${watchers} watchers`);
    return { value: events / seconds, cpuMicros: cpu / events };
  } finally {
    for (const stream of streams) stream.close();
  }
}

export const watchRow: Row = {
  name: 'watch',
  summary: 'one writer, 1,000 watchers of its key on 1,000 connections',
  run: async ({ groups, runs, directory, record }) => {
    const sides = await groups();
    for (const side of sides) await fanOut(side, directory);
    for (let round = 0; round < runs; round++)
      for (const side of inTurn(sides, round))
        record(side.name, 'watch events to 1,000', '/s', await fanOut(side, directory));
  },
};
