/**
 * Events to 1,000 watchers of one resource. Every watcher must see every change; the time of each is written into the
 * change itself. Once at a rate that two cores carry, for the delay of an event, and once at 500 events a second, which
 * are half a million deliveries a second: as many as are carried is what that row says. A server may end the watch of a
 * client that it takes for too slow: such watches are counted, and what they miss is no delivery.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { percentile } from '../benchmark.ts';
import { load, type Reply, send, succeed } from './client.ts';
import { type Bench, meter, type Row } from './row.ts';
import type { Session, Watch } from './session.ts';

const watchers = 1_000;
const objects = 100;
const path = '/api/v1/namespaces/default/secrets';
const patienceMs = 90_000;

interface Round {
  readonly key: string;
  readonly perSecond: number;
  readonly seconds: number;
}

const rounds: readonly Round[] = [
  { key: 'fan_out', perSecond: 50, seconds: 4 },
  { key: 'fan_out_full', perSecond: 500, seconds: 2 },
];

class Watchers {
  seen = 0;
  /** By the server, before all events came. */
  ended = 0;
  latencies: number[] = [];
  #open = watchers;
  #isClosing = false;
  #watches: readonly Watch[] = [];

  /** Resolves when the server has begun all of them. */
  async begin(sessions: readonly Session[], version: string, events: number): Promise<void> {
    const begin = async (i: number): Promise<Watch> => {
      let missing = events;
      const session = sessions[i % sessions.length];
      if (session === undefined) throw new Error('no session');
      const watch = await session.watch(`${path}?watch=1&resourceVersion=${version}`, (chunk) => {
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) {
          this.seen++;
          if (--missing === 0) this.#open--;
        }
        if (i % 20 !== 0) return;
        for (const [, sent] of chunk.toString('latin1').matchAll(/"example.com\/sent":"([\d.]+)"/g))
          this.latencies.push(performance.now() - Number(sent));
      });
      void watch.ended.then(() => {
        if (missing <= 0 || this.#isClosing) return;
        this.ended++;
        this.#open--;
      });
      return watch;
    };
    this.#watches = await Promise.all(Array.from({ length: watchers }, (_unused, i) => begin(i)));
  }

  /** Nobody waits for an event any more. */
  get areDone(): boolean {
    return this.#open === 0;
  }

  close(): void {
    this.#isClosing = true;
    for (const watch of this.#watches) watch.close();
  }
}

async function run(bench: Bench, writer: Session, round: Round): Promise<void> {
  const { server, sessions, rows, figures } = bench;
  const { perSecond, seconds, key } = round;
  const { text } = await send(writer, { method: 'GET', path: `${path}?limit=1` }, true);
  const version = /"resourceVersion":"(\d+)"/.exec(text)?.[1] ?? '0';
  const count = perSecond * seconds;
  const watching = new Watchers();
  await watching.begin(sessions, version, count);
  const spent = meter(server);
  const start = performance.now();
  const writes: Promise<Reply>[] = [];
  for (let i = 0; i < count; i++) {
    const wait = start + (i * 1_000) / perSecond - performance.now();
    if (wait > 1) await pause(wait);
    const annotations = { 'example.com/sent': String(performance.now()) };
    writes.push(
      succeed(writer, {
        method: 'PATCH',
        path: `${path}/clock-${i % objects}`,
        body: JSON.stringify({ metadata: { annotations } }),
        contentType: 'application/merge-patch+json',
      }),
    );
  }
  await Promise.all(writes);
  const deadline = performance.now() + patienceMs;
  while (!watching.areDone && performance.now() < deadline) await pause(10);
  const took = (performance.now() - start) / 1_000;
  const { own, store } = spent();
  const { seen, ended } = watching;
  if (!watching.areDone || (ended === 0 && seen !== count * watchers))
    throw new Error(`${seen} of ${count * watchers} events came, and ${ended} watches ended`);
  watching.close();
  const p99Ms = percentile(watching.latencies, 0.99);
  figures[`${key}_cpu_us_per_delivery`] = own / seen;
  figures[`${key}_deliveries_per_second`] = seen / took;
  figures[`${key}_p99_ms`] = p99Ms;
  figures[`${key}_watches_ended`] = ended;
  rows.push({
    name: `${perSecond} events/s to ${watchers} watchers`,
    cpu: own / seen,
    store: store / seen,
    perSecond: seen / took,
    p99Ms,
  });
}

async function fanOut(bench: Bench): Promise<void> {
  const writer = await bench.server.connect();
  try {
    await load([writer], objects, 10, (i) => ({
      method: 'POST',
      path,
      body: JSON.stringify({ metadata: { name: `clock-${i}` } }),
    }));
    for (const round of rounds) await run(bench, writer, round);
  } finally {
    writer.destroy();
  }
}

export const fanOutRow: Row = { needsPods: false, run: fanOut };
