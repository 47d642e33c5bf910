/**
 * Whether anything that goes on in the background makes writers wait: the 99th percentile of puts that come at a steady
 * pace during a compaction of much history, while a snapshot is streamed, and while a member that was away is brought up
 * to a state of a gigabyte, each beside that of a quiet time just before, for machines have better and worse minutes.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient, loadService } from '@timonier/grpc';
import { until } from '../../test/acceptance/wait.ts';
import { percentile } from '../benchmark.ts';
import { fill } from './fill.ts';
import type { Row, RowContext } from './rows.ts';
import { Side } from './side.ts';

type KvShape = {
  put: { request: object; response: { header: { revision: number } } };
  compact: { request: object; response: object };
};
const kv = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV');

const perSecond = 200;
const quietMs = 5_000;
/** Long enough that what is short is seen together with its aftermath, such as writing it to disk. */
const leastMs = 3_000;
const deadlineMs = 600_000;
/**
 * Where etcdctl puts its file. It syncs half a gigabyte at once when it has all of it, and every other sync on that disk
 * waits as long as that takes: this is about members, which have no client's files on their disks.
 */
const clientsDisk = '/dev/shm';
/** For the disks to write down what a filling left in memory. */
const settleMs = 5_000;

export interface Amount {
  readonly keys: number;
  readonly valueBytes: number;
}

/** Half a gigabyte. Everything together stays below etcd's default quota of two. */
const half: Amount = { keys: 250_000, valueBytes: 2_000 };

interface Probed {
  /** Milliseconds; of a put that failed, until it did. */
  readonly latencies: number[];
  failed: number;
}

/** Puts at a steady pace, whether or not the one before is answered. */
async function probe(address: string, during: () => Promise<void>): Promise<Probed> {
  const client = createClient(kv, address, { timeoutMs: 10_000 });
  const probed: Probed = { latencies: [], failed: 0 };
  const waiting: Promise<unknown>[] = [];
  const value = Buffer.alloc(256, 'p');
  try {
    await client.unary('put', { key: Buffer.from('bench/probe'), value });
    const state = { over: false };
    const work = during().finally(() => {
      state.over = true;
    });
    // It is awaited below, but may fail before.
    work.catch(() => undefined);
    const begin = performance.now();
    for (let i = 0; !state.over || performance.now() - begin < leastMs; i++) {
      const due = begin + (i * 1000) / perSecond;
      const wait = due - performance.now();
      if (wait > 1) await pause(wait);
      // Late ones count from when they were due.
      waiting.push(
        client
          .unary('put', { key: Buffer.from('bench/probe'), value })
          .catch(() => probed.failed++)
          .finally(() => probed.latencies.push(performance.now() - due)),
      );
      if (performance.now() - begin > deadlineMs) throw new Error('what was to be measured does not end');
    }
    await Promise.all([work, ...waiting]);
    return probed;
  } finally {
    client.close();
  }
}

async function compactAll(address: string): Promise<void> {
  const client = createClient(kv, address, { timeoutMs: 60_000 });
  try {
    const { header } = await client.unary('put', {
      key: Buffer.from('bench/probe'),
      value: Buffer.from('x'),
    });
    await client.unary('compact', { revision: header.revision });
  } finally {
    client.close();
  }
}

/** Fills one side and measures it. As much again as `amount` is history, and as much is written while a member is away. */
async function measureStalls(
  side: Side,
  { record, directory, log }: Pick<RowContext, 'record' | 'directory' | 'log'>,
  amount: Amount = half,
): Promise<void> {
  const leader = await side.leader();
  const { address } = leader;
  const once = async (what: string, during: () => Promise<void>): Promise<number> => {
    const begin = performance.now();
    const { latencies, failed } = await probe(address, during);
    const p99 = percentile(latencies, 0.99);
    log(
      `${side.name}, ${what}: p99 ${p99.toFixed(1)} ms, worst ${Math.max(...latencies).toFixed(1)} ms of ${latencies.length} in ${((performance.now() - begin) / 1000).toFixed(1)} s, ${failed} failed`,
    );
    return p99;
  };
  const measure = async (what: string, during: () => Promise<void>): Promise<void> => {
    await pause(settleMs);
    const quiet = await once(`before the ${what}`, () => pause(quietMs));
    const p99 = await once(what, during);
    record(side.name, `p99 of puts during ${what}, times the quiet one`, '×', { value: p99 / quiet });
    record(side.name, `p99 of puts, before the ${what}`, 'ms', { value: quiet });
    record(side.name, `p99 of puts, ${what}`, 'ms', { value: p99 });
  };
  await fill(address, { ...amount, prefix: 'stall/', times: 2 });
  await measure('compaction', () => compactAll(address));
  await measure('snapshot', async () => {
    const folder = existsSync(clientsDisk) ? clientsDisk : directory;
    const file = `${folder}/stalls-${process.pid}-${side.name}.snapshot`;
    try {
      const { code, stderr } = await leader.etcdctl(['snapshot', 'save', file], { timeoutMs: deadlineMs });
      if (code !== 0) throw new Error(`${side.name}: ${stderr}`);
    } finally {
      await rm(file, { force: true });
      await rm(`${file}.part`, { force: true });
    }
  });
  const lagging = side.group.members.find((member) => member !== leader);
  if (lagging === undefined) throw new Error('a group of one');
  await lagging.kill();
  // Far more than the log holds for members that lag.
  await fill(address, { ...amount, prefix: 'away/' });
  await measure('catch-up', async () => {
    lagging.start();
    await until(`${side.name}: the member caught up`, deadlineMs, async () => {
      const { code } = await lagging.etcdctl(['get', 'bench/probe', '--command-timeout=1s']);
      return code === 0 ? true : undefined;
    });
  });
}

export const stallsRow: Row = {
  name: 'stalls',
  summary: 'p99 of 200 puts a second during compaction, snapshot and catch-up, three members with up to 1 GB',
  run: async (context) => {
    for (const program of context.programs) {
      const side = await Side.start(program, 3);
      try {
        await measureStalls(side, context);
      } finally {
        await side.close();
      }
    }
  },
};
