import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from './clock.ts';
import type { RaftHost } from './host.ts';
import { Tenure } from './tenure.ts';

function leading(): Tenure {
  const host = { role: 'leader', term: 7, leader: 'a' } as unknown as RaftHost;
  return new Tenure({
    host: () => host,
    clock: {} as Clock,
    connected: () => true,
    transferMs: () => 1_000,
  });
}

test('a member that leaves has no proof of its leadership any more, whatever still arrives', () => {
  const tenure = leading();
  const told: number[] = [];
  tenure.onChange(() => told.push(tenure.now.leaseUntil));
  tenure.proven(500);
  tenure.proven(400);
  assert.equal(tenure.now.leaseUntil, 500);
  tenure.end();
  // An answer that was on its way when it decided to leave.
  tenure.proven(900);
  assert.equal(tenure.now.leaseUntil, 0);
  assert.deepEqual(told, [500, 500, 0]);
});
