/**
 * The same question asked of Debian's etcd alone, which is the least that any control plane on it must wait for: from
 * kill -9 of the leader to the first put acknowledged by another member, probed on every member each 10 ms.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createClient, loadService } from '@timonier/grpc';
import { etcd, StoreGroup } from '../../test/conformance/store/members.ts';

type Shape = { put: { request: object; response: object } };

const kv = loadService<Shape>('etcd/rpc.proto', 'etcdserverpb.KV');
const tickMs = 10;
const maxInFlight = 8;
const giveUpMs = 20_000;

/** Milliseconds of each of `kills` failovers. */
export async function etcdFailovers(kills: number): Promise<readonly number[]> {
  const group = await StoreGroup.start(etcd, 3);
  try {
    const gaps: number[] = [];
    for (let i = 0; i < kills; i++) {
      const leader = await group.leader();
      const others = group.members.filter((member) => member !== leader);
      const probes = others.map((member) => ({ client: createClient(kv, member.address), inFlight: 0 }));
      await Promise.all(
        probes.map(({ client }) => client.unary('put', { key: Buffer.from('warm'), value: Buffer.from('') })),
      );
      const outcome: { first?: number } = {};
      const start = performance.now();
      const dead = leader.kill();
      while (outcome.first === undefined && performance.now() - start < giveUpMs) {
        for (const probe of probes) {
          if (probe.inFlight >= maxInFlight) continue;
          probe.inFlight++;
          probe.client
            .unary('put', { key: Buffer.from('probe'), value: Buffer.from(String(i)) }, { timeoutMs: 2_000 })
            .then(() => {
              outcome.first ??= performance.now() - start;
            })
            .catch(() => undefined)
            .finally(() => probe.inFlight--);
        }
        await pause(tickMs);
      }
      for (const { client } of probes) client.close();
      await dead;
      if (outcome.first === undefined)
        throw new Error(`etcd acknowledged no put within ${giveUpMs} ms of kill ${i + 1}`);
      gaps.push(outcome.first);
      leader.start();
      await group.leader();
    }
    return gaps;
  } finally {
    await group.close();
  }
}
