import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseCheckpoints } from './codecs.ts';
import { LeaseClocks } from './lease-clocks.ts';
import type { LeaseTimes } from './lessor.ts';
import { eventually, TestCluster } from './testing/processes.ts';

const everyMs = 300_000;

/** Two members and what both have applied. What is proposed counts when the test says so, or is refused. */
class Pair {
  now = 0;
  allowed = true;
  leader: 'a' | 'b' = 'a';
  readonly leases = new Map<bigint, LeaseTimes>();
  readonly log: { checkpoints: LeaseCheckpoints['checkpoints']; settle: (applied: boolean) => void }[] = [];
  readonly a = this.#member('a');
  readonly b = this.#member('b');

  #member(name: 'a' | 'b'): LeaseClocks {
    return new LeaseClocks({
      timeoutMs: 1_000,
      clock: {
        now: () => this.now,
        bootTime: () => this.now,
        random: () => 0,
        after: () => () => undefined,
        every: () => () => undefined,
        soon: () => undefined,
      },
      leader: () => this.leader,
      leads: () => this.leader === name,
      provenAgoMs: () => 0,
      staleMs: 0,
      leases: () => this.leases,
      send: () => false,
      expire: () => Promise.resolve({}),
      checkpointMs: everyMs,
      checkpointsAllowed: () => this.allowed,
      checkpoint: (checkpoints) =>
        new Promise((resolve, reject) => {
          const settle = (applied: boolean): void => {
            if (!applied) reject(new Error('request timed out'));
            for (const { ID, remainingTtl } of applied ? checkpoints : []) {
              const lease = this.leases.get(ID);
              if (lease !== undefined) this.leases.set(ID, { ...lease, remaining: remainingTtl });
            }
            resolve({});
          };
          this.log.push({ checkpoints, settle });
        }),
    });
  }

  grant(id: bigint, ttl: number): void {
    this.leases.set(id, { ttl, remaining: 0 });
    this[this.leader].granted(id);
  }

  /** Seconds pass, and the leader looks after its leases every tenth of one. */
  pass(seconds: number): void {
    for (let i = 0; i < seconds * 10; i++) {
      this.now += 100;
      this[this.leader].sweep();
    }
  }

  /** Settles what is in the log. */
  async settle(applied = true): Promise<void> {
    for (const { settle } of this.log.splice(0)) settle(applied);
    await new Promise((resolve) => setImmediate(resolve));
  }

  elect(name: 'a' | 'b'): void {
    this[this.leader].demote();
    this.leader = name;
    this[name].promote();
  }

  left(id: bigint): number {
    const answer = this[this.leader].answer(id, false);
    assert.ok(!(answer instanceof Promise));
    return answer.remainingMs / 1000;
  }
}

function pair(): Pair {
  const p = new Pair();
  p.a.promote();
  return p;
}

test('what is left of a long lease is written down every five minutes, and a new leader goes on from there', async () => {
  const p = pair();
  p.grant(1n, 1_000);
  p.grant(2n, 300);
  p.pass(299.9);
  assert.equal(p.log.length, 0);
  p.pass(0.2);
  assert.deepEqual(
    p.log.map(({ checkpoints }) => checkpoints),
    [[{ ID: 1n, remainingTtl: 700 }]],
  );
  await p.settle();
  p.pass(299.9);
  assert.equal(p.log.length, 0, 'its next is five minutes later');
  p.elect('b');
  assert.equal(p.left(1n), 700);
  assert.equal(p.left(2n), 300, 'a short one gets its time again');
  p.pass(301);
  await p.settle();
  p.elect('a');
  assert.equal(p.left(1n), 400, 'so that it ends, however often the leader changes');
});

test('nothing is written down before the cluster version allows for it', async () => {
  const p = pair();
  p.allowed = false;
  p.grant(1n, 1_000);
  p.pass(400);
  assert.equal(p.log.length, 0);
  p.allowed = true;
  p.pass(1);
  assert.equal(p.log.length, 1);
  await p.settle();
});

/** Whether a renewal was answered, and with how much. */
function renewal(p: Pair): { seconds: () => number | undefined } {
  let seconds: number | undefined;
  void Promise.resolve(p[p.leader].answer(1n, true)).then(
    ({ remainingMs }) => (seconds = remainingMs / 1000),
  );
  return { seconds: () => seconds };
}

test('a renewal is answered only once what was written down is taken back', async () => {
  const p = pair();
  p.grant(1n, 1_000);
  p.pass(301);
  await p.settle();
  const both = [renewal(p), renewal(p)];
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    both.map(({ seconds }) => seconds()),
    [undefined, undefined],
  );
  assert.deepEqual(
    p.log.map(({ checkpoints }) => checkpoints),
    [[{ ID: 1n, remainingTtl: 0 }]],
  );
  await p.settle();
  assert.deepEqual(
    both.map(({ seconds }) => seconds()),
    [1_000, 1_000],
  );
  p.elect('b');
  assert.equal(p.left(1n), 1_000);
  const next = renewal(p);
  await p.settle();
  assert.equal(next.seconds(), 1_000, 'there is nothing to take back any more');
});

test('a renewal waits for a checkpoint that is under way, and takes that back, too', async () => {
  for (const arrives of [true, false]) {
    const p = pair();
    p.grant(1n, 1_000);
    p.pass(301);
    assert.equal(p.log.length, 1);
    const renewed = renewal(p);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(p.log.length, 1, 'nothing overtakes it in the log');
    await p.settle(arrives);
    assert.equal(renewed.seconds(), arrives ? undefined : 1_000);
    await p.settle();
    assert.equal(renewed.seconds(), 1_000);
    p.elect('b');
    assert.equal(p.left(1n), 1_000);
  }
});

test('a renewal that cannot be made good asks for another attempt', async () => {
  const p = pair();
  p.grant(1n, 1_000);
  p.pass(301);
  await p.settle();
  const renewed = renewal(p);
  await p.settle(false);
  assert.equal(renewed.seconds(), -0.002);
});

test('a thousand go in one entry, and one at a time', async () => {
  const p = pair();
  for (let id = 1n; id <= 2_500n; id++) p.grant(id, 1_000);
  p.pass(301);
  const sizes: number[] = [];
  for (let i = 0; i < 3; i++) {
    sizes.push(...p.log.map(({ checkpoints }) => checkpoints.length));
    await p.settle();
    p.pass(0.1);
  }
  assert.deepEqual(sizes, [1_000, 1_000, 500]);
});

test('what is left of a lease is known to members that lead next, and after all of them were killed', async (t) => {
  const c = await TestCluster.create(3, { extra: ['--experimental-enable-lease-checkpoint'] });
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
  });
  for (const name of c.names) c.releases.set(name, 'hasty');
  c.startAll();
  let leader = await c.leader();
  await eventually('version 2', async () => {
    const version = (await (await fetch(`${c.endpoint(leader)}/version`)).json()) as { etcdcluster: string };
    assert.equal(version.etcdcluster, '3.5.0');
  });
  const grant = async (): Promise<string> => (await c.ctl(['lease', 'grant', '60'])).split(' ')[1] ?? '';
  const left = async (id: string, at?: string): Promise<number> => {
    const text = await c.ctl(['lease', 'timetolive', id], at === undefined ? {} : { at });
    return Number(/remaining\((\d+)s\)/.exec(text)?.[1]);
  };
  const [kept, renewed] = [await grant(), await grant()];
  await eventually('some of it has passed', async () => assert.ok((await left(kept)) < 55));
  // Its checkpoint goes.
  assert.match(await c.ctl(['lease', 'keep-alive', '--once', renewed]), /keepalived with TTL\(60\)/);
  await c.end(leader, 'SIGKILL');
  const rest = c.names.filter((name) => name !== leader);
  const next = await c.leader(rest);
  // Without a checkpoint it would have its full time again.
  assert.ok((await left(kept, next)) <= 58);
  assert.ok((await left(renewed, next)) > (await left(kept, next)));
  for (const name of rest) await c.end(name, 'SIGKILL');
  c.startAll();
  leader = await c.leader();
  assert.ok((await left(kept, leader)) <= 58);
});
