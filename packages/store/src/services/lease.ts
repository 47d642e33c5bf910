/** etcdserverpb.Lease: grants and revocations through the log, renewals and times by the leader's clock. */
import { randomBytes } from 'node:crypto';
import type { Handlers, ServerCall } from '@timonier/grpc';
import { checkLease } from '../auth/check-request.ts';
import { authError } from '../auth/errors.ts';
import { etcdError } from '../errors.ts';
import type { LeaseGrantRequest } from '../types.ts';
import { header, proposeFor, type ServiceContext, withHeader } from './context.ts';

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

/** What a lock or a candidacy without a lease of its own lives by, in seconds; as in etcd. */
const sessionTtl = 60;

function newId(): bigint {
  return randomBytes(8).readBigUInt64BE() >> 1n;
}

/** Makes leases for callers of other services that name none. */
export function sessionLease(context: ServiceContext): (call: ServerCall) => Promise<bigint> {
  return async (call) => {
    const ID = newId();
    await context.member.quota.check(40);
    await proposeFor(context, call, { leaseGrant: { ID, TTL: sessionTtl } }, 40);
    return ID;
  };
}

export function leaseHandlers(context: ServiceContext): Handlers<LeaseShape> {
  const { member } = context;
  return {
    leaseGrant: async ({ TTL, ID }, call) => {
      if (TTL > maxTtl) throw etcdError.leaseTtlTooLarge();
      const id = ID === 0n ? newId() : ID;
      const leaseGrant = { ID: id, TTL: Math.max(member.minLeaseTtl, TTL) };
      await member.quota.check(40);
      return withHeader(context, await proposeFor(context, call, { leaseGrant }, 40));
    },
    leaseRevoke: async ({ ID }, call) =>
      withHeader(context, await proposeFor(context, call, { leaseRevoke: { ID } }, 40)),
    leaseKeepAlive: async (call) => {
      for await (const { ID } of call.requests) {
        const answer = await member.leases.ask(ID, true);
        const TTL = answer.remainingMs < 0 ? 0 : answer.grantedTtl;
        if (!call.write({ header: header(context), ID, TTL })) await call.drained();
      }
    },
    leaseTimeToLive: async ({ ID, keys }, call) => {
      const { remainingMs, grantedTtl } = await member.leases.ask(ID, false);
      if (remainingMs < 0) return { header: header(context), ID, TTL: -1 };
      await member.barrier();
      const { auth, state } = member.machine;
      if (keys && auth.enabled) {
        const who = await context.credentials.of(call);
        if (who.username === '') throw authError.userEmpty();
        checkLease(auth, state, who, ID, 'read');
      }
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
