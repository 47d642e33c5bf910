/**
 * Restart with 1 GB: one member of each side with half a million keys of two kilobytes, stopped in an orderly way and started
 * again, until it answers a linearizable read; and what holding the data costs in memory.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fill } from './fill.ts';
import { inTurn, type Row } from './rows.ts';
import { Side } from './side.ts';

const filling = { prefix: 'big/', keys: 500_000, valueBytes: 2_000 };
const deadlineMs = 120_000;
/** Restarts of each; filling takes too long to be repeated. */
const restarts = 2;

/** Seconds until the started member answers a read. */
async function serving(side: Side): Promise<number> {
  const [member] = side.group.members;
  if (member === undefined) throw new Error('a group without members');
  const begin = performance.now();
  member.start();
  for (;;) {
    const { code, stdout } = await member.etcdctl(['get', `${filling.prefix}00000000`, '--print-value-only']);
    const seconds = (performance.now() - begin) / 1000;
    if (code === 0 && stdout.trimEnd().length === filling.valueBytes) return seconds;
    if (!member.alive) throw new Error(`${side.name} ended:\n${member.log()}`);
    if (seconds * 1000 > deadlineMs) throw new Error(`${side.name} does not serve after ${seconds} s`);
    await pause(10);
  }
}

export const restartRow: Row = {
  name: 'restart',
  summary: 'one member with half a million keys of 2 kB: start until a linearizable read, memory',
  run: async ({ programs, record, log }) => {
    const sides: Side[] = [];
    try {
      for (const program of programs) sides.push(await Side.start(program, 1));
      const [ours, theirs] = sides;
      if (ours === undefined || theirs === undefined) throw new Error('a side is missing');
      for (const side of sides) {
        const begin = performance.now();
        const cpuBefore = side.cpu();
        await fill((await side.leader()).address, filling);
        const seconds = (performance.now() - begin) / 1000;
        log(`${side.name} took 1 GB in ${seconds.toFixed(1)} s`);
        record(side.name, 'keys of 2 kB in transactions of 100', '/s', {
          value: filling.keys / seconds,
          cpuMicros: (side.cpu() - cpuBefore) / filling.keys,
        });
        record(side.name, 'memory with 1 GB, after writing it', 'MiB', { value: side.memory() });
      }
      for (let round = 0; round < restarts; round++)
        for (const side of inTurn([ours, theirs], round)) {
          await Promise.all(side.group.members.map((member) => member.kill('SIGTERM')));
          record(side.name, 'restart with 1 GB', 's', { value: await serving(side) });
          record(side.name, 'memory with 1 GB, after a restart', 'MiB', { value: side.memory() });
        }
    } finally {
      for (const side of sides) await side.close();
    }
  },
};
