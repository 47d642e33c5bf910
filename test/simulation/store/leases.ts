/**
 * No lease ends before its time: not before the time to live that was granted, counted from when the grant was asked
 * for, nor before that of any renewal a client was told of. Only clocks that run fast shorten it, by as much as they
 * may.
 */
import type { Operation } from './operations.ts';
import type { Truth } from './truth.ts';
import { Violation } from './world.ts';

export function checkLeases(truth: Truth, history: readonly Operation[], drift: number): number {
  const promisedUntil = new Map<bigint, { until: number; by: Operation }[]>();
  const revoked = new Map<bigint, number>();
  for (const operation of history) {
    const { leaseGrant, leaseRevoke, renew } = operation.request;
    if (leaseRevoke !== undefined && !revoked.has(leaseRevoke.ID))
      revoked.set(leaseRevoke.ID, operation.beginMs);
    const id = leaseGrant?.ID ?? renew;
    const ttl = leaseGrant?.TTL ?? operation.ttl;
    if (id === undefined || operation.outcome !== 'ok' || ttl === 0) continue;
    const until = operation.beginMs + (ttl * 1000) / (1 + drift);
    const list = promisedUntil.get(id);
    if (list === undefined) promisedUntil.set(id, [{ until, by: operation }]);
    else list.push({ until, by: operation });
  }
  let ends = 0;
  for (const { id, at } of truth.leaseEnds) {
    if ((revoked.get(id) ?? Infinity) <= at) continue;
    ends += 1;
    for (const { until, by } of promisedUntil.get(id) ?? [])
      if (at < until - 1)
        throw new Violation(
          `lease: ${id} ended at ${at.toFixed(0)} ms, ${(until - at).toFixed(0)} ms before what ${by.text} was promised`,
        );
  }
  return ends;
}
