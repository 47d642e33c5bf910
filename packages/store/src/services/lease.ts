/** etcdserverpb.Lease: grants and revocations through the log, renewals and times by the leader's clock. */
import { randomBytes } from 'node:crypto';
import type { Handlers } from '@timonier/grpc';
import { etcdError } from '../errors.ts';
import type { LeaseGrantRequest } from '../types.ts';
import { header, type ServiceContext, withHeader } from './context.ts';

interface LeaseId {
  readonly ID: bigint;
}

export type LeaseShape = {
  leaseGrant: { request: LeaseGrantRequest; response: object };
  leaseRevoke: { request: LeaseId; response: object };
  leaseKeepAlive: { request: LeaseId; response: object; kind: 'bidi' };
  leaseTimeToLive: { request: LeaseId & { keys: boolean }; response: object };
  leaseLeases: { request: object; response: object };
};

/** As in etcd, in seconds. */
const maxTtl = 9_000_000_000;

export function leaseHandlers(context: ServiceContext): Handlers<LeaseShape> {
  const { member } = context;
  return {
    leaseGrant: async ({ TTL, ID }) => {
      if (TTL > maxTtl) throw etcdError.leaseTtlTooLarge();
      const id = ID === 0n ? randomBytes(8).readBigUInt64BE() >> 1n : ID;
      const leaseGrant = { ID: id, TTL: Math.max(member.minLeaseTtl, TTL) };
      await member.quota.check(40);
      return withHeader(context, await member.propose({ leaseGrant }, 40));
    },
    leaseRevoke: async ({ ID }) => withHeader(context, await member.propose({ leaseRevoke: { ID } }, 40)),
    leaseKeepAlive: async (call) => {
      for await (const { ID } of call.requests) {
        const answer = await member.leases.ask(ID, true);
        const TTL = answer.remainingMs < 0 ? 0 : answer.grantedTtl;
        if (!call.write({ header: header(context), ID, TTL })) await call.drained();
      }
    },
    leaseTimeToLive: async ({ ID, keys }) => {
      const { remainingMs, grantedTtl } = await member.leases.ask(ID, false);
      if (remainingMs < 0) return { header: header(context), ID, TTL: -1 };
      await member.barrier();
      const attached = member.machine.state.leases.get(ID)?.keys ?? new Set<string>();
      return {
        header: header(context),
        ID,
        TTL: Math.floor(remainingMs / 1000),
        grantedTTL: grantedTtl,
        keys: keys ? [...attached].sort().map((key) => Buffer.from(key, 'latin1')) : [],
      };
    },
    leaseLeases: async () => {
      await member.barrier();
      return {
        header: header(context),
        leases: member.leases.ids.map((ID) => ({ ID })),
      };
    },
  };
}
