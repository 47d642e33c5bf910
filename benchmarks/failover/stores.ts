/**
 * The loss of a store's leader, among three members with hosts of their own: killed, so that its connections close at
 * once, or silent: its link goes down first, so that nobody is told. Hands back, for each loss, the milliseconds until
 * another member acknowledged a put.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Group } from '../../test/chaos/store/group.ts';
import { type Program, programs } from '../../test/chaos/store/program.ts';
import { until } from '../../test/acceptance/wait.ts';
import { inSandbox } from '../in-sandbox.ts';
import { probe } from './probe.ts';
import { earliest, firstAnswers } from './probing.ts';

export interface StoresInput {
  readonly program: Program['name'];
  readonly losses: number;
  readonly silent: boolean;
}

/** Ours as a master starts it; etcd with its own defaults, as its users run it. */
const flags: Readonly<Record<Program['name'], readonly string[]>> = {
  timonier: ['--heartbeat-interval=75', '--election-timeout=400'],
  etcd: [],
};
const probeTimeoutMs = 2_000;
const maxInFlight = 8;

async function lose(group: Group, silent: boolean): Promise<number> {
  const leader = await until('somebody leads', 20_000, () => group.leader());
  const others = group.hosts.filter((host) => host !== leader);
  const places = new Map(others.map(({ name, target }) => [name, () => probe(target, probeTimeoutMs)]));
  const began = performance.now();
  if (silent) await group.board.setLink(leader.name, 'down');
  const dead = leader.end('SIGKILL');
  const answered = await firstAnswers(places, began, ({ size }) => size > 0, maxInFlight);
  await dead;
  if (silent) await group.board.setLink(leader.name, 'up');
  leader.start();
  await group.serving(30_000);
  // At no fixed distance from heartbeats and timers.
  await pause(1_000 + Math.random() * 500);
  return earliest(answered);
}

await inSandbox(async (input, folder, signal) => {
  // As main.ts gave it.
  const { program, losses, silent } = input as StoresInput;
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
      const gap = await lose(group, silent);
      gaps.push(gap);
      console.log(`  ${program}, loss ${gaps.length}: ${gap.toFixed(0)} ms`);
    }
  } finally {
    await group.stop();
  }
  return gaps;
});
