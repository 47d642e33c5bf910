/**
 * The silent loss of a store's leader: its link goes down, then its process is killed, so that nobody is told by a
 * closed connection. Hands back, for each loss, the milliseconds until another member acknowledged a put.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Group } from '../../test/chaos/store/group.ts';
import { type Program, programs } from '../../test/chaos/store/program.ts';
import { until } from '../../test/acceptance/wait.ts';
import { inSandbox } from '../in-sandbox.ts';
import { probe } from './probe.ts';

const tickMs = 10;
const maxInFlight = 8;
const giveUpMs = 20_000;

export interface SilentInput {
  readonly program: Program['name'];
  readonly losses: number;
}

/** Ours as a master starts it; etcd with its own defaults, as its users run it. */
const flags: Readonly<Record<Program['name'], readonly string[]>> = {
  timonier: ['--heartbeat-interval=75', '--election-timeout=400'],
  etcd: [],
};

async function lose(group: Group): Promise<number> {
  const leader = await until('somebody leads', 20_000, () => group.leader());
  const others = group.hosts.filter((host) => host !== leader);
  const outcome: { first?: number } = {};
  const inFlight = new Map(others.map((host) => [host, 0]));
  const began = performance.now();
  await group.board.setLink(leader.name, 'down');
  const dead = leader.end('SIGKILL');
  while (outcome.first === undefined && performance.now() - began < giveUpMs) {
    for (const host of others) {
      const count = inFlight.get(host) ?? 0;
      if (count >= maxInFlight) continue;
      inFlight.set(host, count + 1);
      void probe(host.target, 2_000).then((acknowledged) => {
        inFlight.set(host, (inFlight.get(host) ?? 1) - 1);
        if (acknowledged) outcome.first ??= performance.now() - began;
      });
    }
    await pause(tickMs);
  }
  await dead;
  if (outcome.first === undefined) throw new Error(`no put was acknowledged within ${giveUpMs} ms`);
  await group.board.setLink(leader.name, 'up');
  leader.start();
  await group.serving(30_000);
  // At no fixed distance from heartbeats and timers.
  await pause(1_000 + Math.random() * 500);
  return outcome.first;
}

await inSandbox(async (input, folder, signal) => {
  // As main.ts gave it.
  const { program, losses } = input as SilentInput;
  const group = await Group.start({
    folder,
    size: 3,
    program: programs[program],
    flags: flags[program],
    ended: (name, how) => console.error(`${name} ended by itself: ${how}`),
  });
  const gaps: number[] = [];
  try {
    while (gaps.length < losses && !signal.aborted) {
      const gap = await lose(group);
      gaps.push(gap);
      console.log(`  ${program}, loss ${gaps.length}: ${gap.toFixed(0)} ms`);
    }
  } finally {
    await group.stop();
  }
  return gaps;
});
