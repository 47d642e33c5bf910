import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Lessor } from './lessor.ts';

const step = fc.oneof(
  fc.record({ do: fc.constant('grant' as const), id: fc.nat(5), ttl: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ do: fc.constant('renew' as const), id: fc.nat(5), ttl: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ do: fc.constant('revoke' as const), id: fc.nat(5) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.nat(4_000) }),
  fc.record({ do: fc.constant('promote' as const), ids: fc.uniqueArray(fc.nat(5)) }),
);

test('whatever is granted, renewed and revoked, a lease is found to be over exactly when its time is over', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let now = 0;
      const lessor = new Lessor(() => now);
      let deadlines = new Map<bigint, number>();
      lessor.promote(new Map(), 0);
      for (const s of steps) {
        if (s.do === 'grant') {
          lessor.granted(BigInt(s.id), s.ttl);
          deadlines.set(BigInt(s.id), now + s.ttl * 1_000);
        } else if (s.do === 'renew') {
          const before = deadlines.get(BigInt(s.id));
          const alive = before !== undefined && before > now;
          assert.equal(lessor.renew(BigInt(s.id), s.ttl), alive ? s.ttl : undefined);
          if (alive) deadlines.set(BigInt(s.id), Math.max(before, now + s.ttl * 1_000));
        } else if (s.do === 'revoke') {
          lessor.revoked(BigInt(s.id));
          deadlines.delete(BigInt(s.id));
        } else if (s.do === 'promote') {
          deadlines = new Map(s.ids.map((id) => [BigInt(id), now + 2_500]));
          lessor.promote(new Map(s.ids.map((id) => [BigInt(id), { ttl: 2, remaining: 0 }])), 500);
        } else now += s.ms;
        const over = [...deadlines].filter(([, deadline]) => deadline <= now).map(([id]) => id);
        assert.deepEqual(new Set(lessor.expired(100)), new Set(over));
        assert.equal(lessor.expired(2).length, Math.min(2, over.length));
      }
    }),
  );
});
