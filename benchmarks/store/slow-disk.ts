/**
 * Puts and failovers when every fsync takes 2 or 10 ms longer, as on disks that really write: the calls of both
 * competitors pass through the same gate in the kernel (test/chaos/native/slow-disk.c).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildNative } from '../../test/chaos/native.ts';
import type { Program } from '../../test/conformance/store/members.ts';
import { failoverMs } from './failover.ts';
import { inTurn, type Row, type RowContext } from './rows.ts';
import { Side } from './side.ts';
import { compare, puts, warmUp } from './unary.ts';

const delaysMs = [2, 10] as const;
const kills = 3;

/** Every call of every member passes the gate, which reads its delay from the file. */
function behindGate(program: Program, gate: string, control: string): Program {
  return { ...program, file: gate, args: [control, '--', program.file, ...program.args] };
}

function setDelay(control: string, delayMs: number): void {
  writeFileSync(control, Buffer.from(new Uint32Array([delayMs, 0, 0]).buffer), { flag: 'r+' });
}

async function measure(context: RowContext, sides: readonly [Side, Side], delayMs: number): Promise<void> {
  const operations = puts
    .filter(({ inFlight }) => inFlight !== 100)
    .map((operation) => ({ ...operation, label: `${operation.label}, fsync + ${delayMs} ms` }));
  // The sides are warm, but for how slow their disks are.
  await compare({ ...context, runs: Math.min(context.runs, 2) }, sides, operations, {
    seconds: 1,
    warm: 0.1,
  });
  for (let kill = 0; kill < kills; kill++)
    for (const side of inTurn(sides, kill))
      context.record(side.name, `failover, fsync + ${delayMs} ms`, 'ms', {
        value: await failoverMs(side),
      });
}

export const slowDiskRow: Row = {
  name: 'slow-disk',
  summary: 'puts and failover with 2 and 10 ms added to every fsync',
  run: async (context) => {
    const gate = await buildNative('slowDisk', context.directory);
    const sides: Side[] = [];
    const control = join(context.directory, 'fsync.control');
    writeFileSync(control, Buffer.alloc(12));
    try {
      for (const program of context.programs)
        sides.push(await Side.start(behindGate(program, gate, control), 3));
      const [ours, theirs] = sides;
      if (ours === undefined || theirs === undefined) throw new Error('a side is missing');
      for (const side of sides)
        for (const operation of puts.filter(({ inFlight }) => inFlight === 1))
          await warmUp(side, operation, context.directory);
      for (const delayMs of delaysMs) {
        setDelay(control, delayMs);
        await measure(context, [ours, theirs], delayMs);
      }
    } finally {
      setDelay(control, 0);
      for (const side of sides) await side.close();
    }
  },
};
