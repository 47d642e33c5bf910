/**
 * How long a store takes no writes: from kill -9 of its leader to the first put acknowledged by another member, probed
 * at every other member each 10 ms. The killed member is back before the next question.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createClient, loadService } from '@timonier/grpc';
import { inTurn, type Row } from './rows.ts';
import type { Side } from './side.ts';

type Shape = { put: { request: object; response: object } };

const kv = loadService<Shape>('etcd/rpc.proto', 'etcdserverpb.KV');
const tickMs = 10;
const maxInFlight = 8;
const giveUpMs = 20_000;

export async function failoverMs(side: Side): Promise<number> {
  const { group } = side;
  const leader = await group.leader();
  const others = group.members.filter((member) => member !== leader);
  const probes = others.map((member) => ({ client: createClient(kv, member.address), inFlight: 0 }));
  const message = { key: Buffer.from('bench/probe'), value: Buffer.from('probe') };
  try {
    // Connections stand, and codecs are compiled.
    await Promise.all(probes.map(({ client }) => client.unary('put', message)));
    const outcome: { first?: number } = {};
    const start = performance.now();
    const dead = leader.kill();
    while (outcome.first === undefined && performance.now() - start < giveUpMs) {
      for (const probe of probes) {
        if (probe.inFlight >= maxInFlight) continue;
        probe.inFlight++;
        probe.client
          .unary('put', message, { timeoutMs: 2_000 })
          .then(() => {
            outcome.first ??= performance.now() - start;
          })
          .catch(() => undefined)
          .finally(() => probe.inFlight--);
      }
      await pause(tickMs);
    }
    await dead;
    if (outcome.first === undefined)
      throw new Error(`${side.name} acknowledged no put within ${giveUpMs} ms of the kill`);
    leader.start();
    await group.leader();
    return outcome.first;
  } finally {
    side.newLeader();
    for (const { client } of probes) client.close();
  }
}

/** A member that was just killed must be back for a quorum to survive the next kill. */
const betweenMs = 1_000;

export const failoverRow: Row = {
  name: 'failover',
  summary: 'kill -9 of the leader until the next acknowledged put',
  run: async ({ groups, runs, record }) => {
    const sides = await groups();
    for (let round = 0; round < runs; round++)
      for (const side of inTurn(sides, round)) {
        await pause(betweenMs);
        record(side.name, 'failover', 'ms', { value: await failoverMs(side) });
      }
  },
};
