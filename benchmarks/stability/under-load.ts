/**
 * Three members of a store while every processor is busy with something else: whoever leads at the beginning should
 * lead at the end. Hands back the elections, and how long writes took meanwhile.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@timonier/grpc';
import { Group } from '../../test/chaos/store/group.ts';
import { type Program, programs } from '../../test/chaos/store/program.ts';
import { kvService, maintenanceService } from '../../test/chaos/store/protocol.ts';
import { until } from '../../test/acceptance/wait.ts';
import { inSandbox } from '../in-sandbox.ts';
import { processorTime } from '../processor-time.ts';

export interface StabilityInput {
  readonly program: Program['name'];
  readonly minutes: number;
}

export interface StabilityResult {
  /** Terms gone by, each of which is an election that somebody won or lost. */
  readonly elections: number;
  readonly writes: number;
  readonly failed: number;
  readonly medianMs: number;
  readonly worstMs: number;
  /** Busy share of all processors, 0 to 1. */
  readonly busy: number;
}

const flags: Readonly<Record<Program['name'], readonly string[]>> = {
  timonier: ['--heartbeat-interval=75', '--election-timeout=400'],
  etcd: [],
};

async function term(group: Group): Promise<number> {
  const terms = await Promise.all(
    group.hosts.map(({ name, target }) =>
      until(`${name} tells its term`, 20_000, async () => {
        const client = createClient(maintenanceService, target);
        try {
          return (await client.unary('status', {}, { timeoutMs: 5_000 })).raftTerm;
        } finally {
          client.close();
        }
      }),
    ),
  );
  return Math.max(...terms);
}

await inSandbox(async (input, folder, signal): Promise<StabilityResult> => {
  // As main.ts gave it.
  const { program, minutes } = input as StabilityInput;
  const group = await Group.start({
    folder,
    size: 3,
    program: programs[program],
    flags: flags[program],
    ended: (name, how) => console.error(`${name} ended by itself: ${how}`),
  });
  // Two for each processor, so that a member gets what the kernel's scheduler thinks is fair, and no more.
  const burners = Array.from({ length: 2 * availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' }),
  );
  try {
    const before = await term(group);
    const processors = processorTime();
    const end = performance.now() + minutes * 60_000;
    const times: number[] = [];
    let failed = 0;
    const writer = async (target: string): Promise<void> => {
      const client = createClient(kvService, target);
      while (performance.now() < end && !signal.aborted) {
        const begin = performance.now();
        try {
          await client.unary(
            'put',
            { key: Buffer.from(target), value: Buffer.alloc(256) },
            { timeoutMs: 10_000 },
          );
          times.push(performance.now() - begin);
        } catch {
          failed++;
        }
        await pause(20);
      }
      client.close();
    };
    await Promise.all(group.hosts.map(({ target }) => writer(target)));
    const busy = processors.busyShare();
    const elections = (await term(group)) - before;
    times.sort((a, b) => a - b);
    return {
      elections,
      writes: times.length,
      failed,
      medianMs: times[Math.floor(times.length / 2)] ?? Number.NaN,
      worstMs: times.at(-1) ?? Number.NaN,
      busy,
    };
  } finally {
    for (const burner of burners) burner.kill('SIGKILL');
    await group.stop();
  }
});
