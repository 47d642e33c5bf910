/**
 * What carrying a small unary call costs: our own HTTP/2 server beside grpc-js, the same service and codecs, the same
 * load in turn in one run. CPU is that of the server process only, user and system.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BenchmarkResult, defineBenchmark, median, runsFlag } from '../benchmark.ts';
import { cpuMicros } from '../store/cpu.ts';
import { put } from '../store/calls.ts';
import { load } from '../store/load.ts';

const kinds = ['lean', 'grpc-js'] as const;
type Kind = (typeof kinds)[number];
const inFlight = [1, 100, 1000] as const;
const value = Buffer.alloc(256, 'v');

interface Sample {
  readonly cpu: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

interface Side {
  readonly kind: Kind;
  readonly child: ChildProcess;
  readonly endpoint: string;
  readonly samples: Map<number, Sample[]>;
}

async function start(kind: Kind): Promise<Side> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('server.ts', import.meta.url)), kind], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (text: Buffer) => resolve(text.toString().trim()));
    child.once('exit', (code) => reject(new Error(`the ${kind} server ended with ${code}`)));
  });
  return { kind, child, endpoint: `http://127.0.0.1:${port}`, samples: new Map() };
}

async function stop({ child }: Side): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), 2_000);
  await ended;
  clearTimeout(timer);
}

async function measure(side: Side, calls: number, requests: number, directory: string): Promise<Sample> {
  const pids = [side.child.pid ?? 0];
  const before = cpuMicros(pids);
  const { perSecond, p99Ms, answerBytes } = await load({
    endpoint: side.endpoint,
    call: put('bench/key', value),
    requests,
    inFlight: calls,
    directory,
  });
  // An error has no message; every answer here has one.
  if (answerBytes < requests * 20) throw new Error(`${side.kind}: some calls were answered with an error`);
  return { cpu: (cpuMicros(pids) - before) / requests, perSecond, p99Ms };
}

export const benchmark = defineBenchmark({
  summary: 'CPU of a unary call of 256 bytes on our HTTP/2 server, beside grpc-js in the same run',
  flags: { runs: runsFlag(5, 'rounds, each of all rows') },
  run: async ({ runs }, log) => {
    const directory = await mkdtemp(join(tmpdir(), 'timonier-bench-grpc-'));
    const sides: Side[] = [];
    try {
      for (const kind of kinds) sides.push(await start(kind));
      log('warming up');
      for (const side of sides)
        for (const calls of inFlight) await measure(side, calls, calls === 1 ? 2_000 : 20_000, directory);
      for (let round = 0; round < runs; round++) {
        for (const calls of inFlight)
          for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
            // Enough work for clock ticks of 10 ms to be fine.
            const requests = calls === 1 ? 5_000 : side.kind === 'lean' ? 60_000 : 20_000;
            const sample = await measure(side, calls, requests, directory);
            side.samples.set(calls, [...(side.samples.get(calls) ?? []), sample]);
          }
        log(`round ${round + 1} of ${runs}`);
      }
    } finally {
      for (const side of sides) await stop(side);
      await rm(directory, { recursive: true, force: true });
    }
    return report(sides, runs);
  },
});

function report(sides: readonly Side[], runs: number): BenchmarkResult {
  const figures: Record<string, number> = {};
  const rows = inFlight.flatMap((calls) => {
    const cpus = sides.map((side) => (side.samples.get(calls) ?? []).map(({ cpu }) => cpu));
    const ratios = (cpus[0] ?? []).map((cpu, i) => cpu / (cpus[1]?.[i] ?? Number.NaN));
    figures[`cpu ratio ${calls}`] = median(ratios);
    return sides.map((side) => {
      const samples = side.samples.get(calls) ?? [];
      const cpu = samples.map((sample) => sample.cpu);
      figures[`${side.kind} cpu us ${calls}`] = median(cpu);
      figures[`${side.kind} per s ${calls}`] = median(samples.map(({ perSecond }) => perSecond));
      return [
        side.kind,
        calls,
        median(cpu),
        `${Math.min(...cpu).toFixed(1)}–${Math.max(...cpu).toFixed(1)}`,
        Math.round(figures[`${side.kind} per s ${calls}`] ?? Number.NaN),
        median(samples.map(({ p99Ms }) => p99Ms)),
        side.kind === 'lean' ? (figures[`cpu ratio ${calls}`] ?? Number.NaN) : 1,
      ];
    });
  });
  return {
    columns: ['server', 'in flight', 'CPU µs/call', 'spread', 'calls/s', 'p99 ms', 'CPU ratio'],
    rows,
    figures,
    bounds: [
      { figure: 'cpu ratio 100', atMost: 1 / 3 },
      { figure: 'cpu ratio 1000', atMost: 1 / 3 },
    ],
    notes: [
      `Medians of ${runs} rounds; the ratio is that of pairs of one round. The load is h2load's, at most 10 calls on a connection.`,
      'The handler decodes the request, makes a promise and answers with a header, as etcd does.',
    ],
  };
}
