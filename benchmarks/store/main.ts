/**
 * Our store beside Debian's etcd: three members each on loopback, the same load generator at the leader of each in
 * turn, round after round in one run. CPU is that of all three members, so that work moved to followers counts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun } from '../../test/acceptance/command.ts';
import { etcd, StoreGroup, type StoreMember, timonier } from '../../test/conformance/store/members.ts';
import { type Benchmark, median } from '../benchmark.ts';
import { cpuMicros } from './cpu.ts';
import { type Call, load, put, range } from './load.ts';

const valueBytes = 256;
const value = Buffer.alloc(valueBytes, 'v');
const writtenKey = 'bench/written';
const readKey = 'bench/read';
/** How long a measured run should take; the number of requests follows from the last rate seen. */
const targetSeconds = 1.2;

interface Operation {
  readonly name: string;
  readonly call: Call;
  readonly inFlight: number;
}

const operations: readonly Operation[] = [
  ...[1, 100, 1000].map((inFlight) => ({ name: 'put', call: put(writtenKey, value), inFlight })),
  ...[1, 100, 1000].map((inFlight) => ({
    name: 'linearizable read',
    call: range(readKey, false),
    inFlight,
  })),
  { name: 'serializable read', call: range(readKey, true), inFlight: 1000 },
];

interface Sample {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly p99Ms: number;
}

/** One of the two competitors. */
interface Side {
  readonly group: StoreGroup;
  readonly samples: Map<Operation, Sample[]>;
  readonly rates: Map<Operation, number>;
  leader: string;
  leaderChanges: number;
}

/** How often the key was written since it was created. */
async function version(member: StoreMember, key: string): Promise<number> {
  const { stdout } = await member.etcdctl(['get', key, '-w', 'fields']);
  return Number(/"Version" : (\d+)/.exec(stdout)?.[1] ?? 0);
}

/** Runs one operation on one side and checks that every request did what it says. */
async function measure(
  side: Side,
  operation: Operation,
  requests: number,
  directory: string,
): Promise<Sample> {
  const { group } = side;
  const leader = await group.leader();
  if (side.leader !== '' && side.leader !== leader.name) side.leaderChanges++;
  side.leader = leader.name;
  const { call, inFlight, name } = operation;
  const writes = name === 'put';
  const before = writes ? await version(leader, writtenKey) : 0;
  const pids = group.members.map(({ pid }) => pid);
  const cpuBefore = cpuMicros(pids);
  const result = await load({ endpoint: leader.endpoint, call, requests, inFlight, directory });
  const cpu = cpuMicros(pids) - cpuBefore;
  const where = `${group.program.name}, ${name}, ${inFlight} in flight`;
  if (writes) {
    const written = (await version(leader, writtenKey)) - before;
    if (written !== requests) throw new Error(`${where}: ${requests} puts answered, ${written} are there`);
  } else if (result.answerBytes % requests !== 0 || result.answerBytes / requests < valueBytes) {
    throw new Error(`${where}: ${requests} reads gave ${result.answerBytes} bytes, not the value each time`);
  }
  side.rates.set(operation, result.perSecond);
  return { perSecond: result.perSecond, cpuMicros: cpu / requests, p99Ms: result.p99Ms };
}

function requestsFor({ rates }: Side, operation: Operation): number {
  const wanted = Math.round((rates.get(operation) ?? 0) * targetSeconds);
  // Whole turns of all in flight, so that none of the connections runs dry much earlier than the others.
  return Math.max(3, Math.ceil(wanted / operation.inFlight)) * operation.inFlight;
}

export const benchmark: Benchmark = {
  summary: 'puts and reads of 256 bytes, three members, beside etcd in the same run',
  run: async ({ runs = 3, log }) => {
    const directory = await mkdtemp(join(tmpdir(), 'timonier-bench-store-'));
    const sides: Side[] = [];
    try {
      for (const program of [timonier, etcd]) {
        const group = await StoreGroup.start(program, 3);
        sides.push({ group, samples: new Map(), rates: new Map(), leader: '', leaderChanges: 0 });
        const leader = await group.leader();
        const { code, stderr } = await leader.etcdctl(['put', readKey, value.toString()]);
        if (code !== 0) throw new Error(`${program.name}: ${stderr}`);
      }
      log('warming up');
      for (const operation of operations)
        for (const side of sides)
          await measure(
            side,
            operation,
            operation.inFlight === 1 ? 500 : 5_000 + 5 * operation.inFlight,
            directory,
          );
      for (let round = 0; round < runs; round++) {
        for (const operation of operations) {
          const order = round % 2 === 0 ? sides : sides.toReversed();
          for (const side of order) {
            const sample = await measure(side, operation, requestsFor(side, operation), directory);
            side.samples.set(operation, [...(side.samples.get(operation) ?? []), sample]);
          }
        }
        log(`round ${round + 1} of ${runs}`);
      }
      return await report(sides, runs);
    } finally {
      for (const { group } of sides) await group.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
};

async function report(sides: readonly Side[], runs: number): Promise<Awaited<ReturnType<Benchmark['run']>>> {
  const [ours, theirs] = sides;
  if (ours === undefined || theirs === undefined) throw new Error('a side is missing');
  const figures: Record<string, number> = {};
  const rows = operations.map((operation) => {
    const of = (side: Side, pick: (sample: Sample) => number): number[] =>
      (side.samples.get(operation) ?? []).map(pick);
    const theirRates = of(theirs, ({ perSecond }) => perSecond);
    const ratios = of(ours, ({ perSecond }) => perSecond).map((rate, i) => rate / (theirRates[i] ?? NaN));
    const name = `${operation.name} ${operation.inFlight}`;
    const [ourRate, ourCpu, ourP99] = [
      median(of(ours, ({ perSecond }) => perSecond)),
      median(of(ours, (sample) => sample.cpuMicros)),
      median(of(ours, ({ p99Ms }) => p99Ms)),
    ];
    const [theirRate, theirCpu, theirP99] = [
      median(theirRates),
      median(of(theirs, (sample) => sample.cpuMicros)),
      median(of(theirs, ({ p99Ms }) => p99Ms)),
    ];
    figures[`${name} ratio`] = median(ratios);
    figures[`${name} per s`] = ourRate;
    figures[`${name} etcd per s`] = theirRate;
    figures[`${name} cpu us`] = ourCpu;
    figures[`${name} etcd cpu us`] = theirCpu;
    figures[`${name} p99 ms`] = ourP99;
    figures[`${name} etcd p99 ms`] = theirP99;
    const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    return [
      operation.name,
      operation.inFlight,
      Math.round(ourRate),
      Math.round(theirRate),
      figures[`${name} ratio`] ?? NaN,
      spread,
      ourCpu,
      theirCpu,
      ourP99,
      theirP99,
    ];
  });
  const version = /etcd Version: (\S+)/.exec(await mustRun('etcd', ['--version']))?.[1] ?? 'unknown';
  return {
    columns: [
      'operation',
      'in flight',
      'ours/s',
      'etcd/s',
      'ratio',
      'spread',
      'ours CPU µs',
      'etcd CPU µs',
      'ours p99 ms',
      'etcd p99 ms',
    ],
    rows,
    figures,
    bounds: [
      { figure: 'put 1000 cpu us', atMost: 50 },
      { figure: 'put 1000 ratio', atLeast: 1.5 },
      { figure: 'linearizable read 1000 ratio', atLeast: 3 },
    ],
    notes: [
      `Medians of ${runs} rounds; ratio and its spread from pairs of the same round. etcd ${version}, default settings.`,
      `Each call goes to the leader, ${valueBytes}-byte values of one key, at most 10 calls on a connection, no TLS.`,
      'CPU is per request, user and system time of all three members together.',
      `Leader changes during the run: ${ours.leaderChanges} ours, ${theirs.leaderChanges} etcd.`,
    ],
  };
}
