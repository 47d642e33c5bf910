import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OfficeClient, type OfficeState } from '@timonier/client/office';
import { bootTimeMs } from '@timonier/linux/clock';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type LeadershipSource, OfficeKeeper, type OfficeRecord } from './keeper.ts';
import { type Leadership, noLeadership } from './machine.ts';
import { OfficePublisher } from './publisher.ts';

const masters = [
  { name: 'a', address: '10.0.0.1' },
  { name: 'b', address: '10.0.0.2' },
];

/** A store in memory: one key, and a leader that the test appoints. */
function memoryStore() {
  let token: string | null = null;
  let revision = 1;
  let tell: (leadership: Leadership) => void = () => undefined;
  let transfers = 0;
  const source: LeadershipSource = {
    follow: (listener) => void (tell = listener),
    transfer: async () => {
      transfers++;
      tell({ ...noLeadership, term: 9, leader: 'b' });
    },
    close: async () => undefined,
  };
  const record: OfficeRecord = {
    read: async () => token,
    take: async (expected, next) => {
      if (token !== expected) return null;
      token = next;
      return { revision: ++revision };
    },
  };
  return {
    source,
    record,
    appoint: (leadership: Leadership) => tell(leadership),
    steal: (by: string) => void (token = by),
    token: () => token,
    transfers: () => transfers,
  };
}

async function office(t: TestContext, store: ReturnType<typeof memoryStore>) {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-master-'));
  const publisher = new OfficePublisher(join(folder, 'office.sock'), bootTimeMs);
  await publisher.listen();
  const metrics = new Registry();
  const keeper = new OfficeKeeper({
    self: { name: 'a', address: '10.0.0.1' },
    masters,
    source: store.source,
    record: store.record,
    publish: (state) => publisher.publish(state),
    now: bootTimeMs,
    log: pino({ level: 'silent' }),
    metrics,
  });
  const client = new OfficeClient(join(folder, 'office.sock'));
  t.after(async () => {
    client.close();
    keeper.close();
    await publisher.close();
    rmSync(folder, { recursive: true });
  });
  return { keeper, client, metrics };
}

function until(client: OfficeClient, condition: (state: OfficeState) => boolean): Promise<OfficeState> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`never came: ${JSON.stringify(client.state)}`)), 30_000);
    const stop = client.onChange(check);
    function check(state: OfficeState): void {
      if (!condition(state)) return;
      clearTimeout(timer);
      stop();
      resolve(state);
    }
    check(client.state);
  });
}

const leading = (term: number, forMs: number): Leadership => ({
  leads: true,
  term,
  leader: 'a',
  leaseUntil: bootTimeMs() + forMs,
});

test('components of the host learn that the office was taken, and that the clock ended it', async (t) => {
  const store = memoryStore();
  const { client, metrics } = await office(t, store);
  store.appoint(leading(3, 60_000));
  const taken = await until(client, (state) => state.role === 'active');
  assert.equal(taken.token, '1@a');
  assert.deepEqual(taken.active, { name: 'a', address: '10.0.0.1' });
  assert.equal(client.holds(), true);
  // It is proven for a moment more, and no longer.
  store.appoint(leading(3, 100));
  const lost = await until(client, (state) => state.role === 'passive');
  assert.equal(lost.token, null);
  // The client's own clock may be a moment ahead of the keeper's timer.
  const deadline = Date.now() + 30_000;
  while (!(await metrics.metrics()).includes('timonier_office_changes_total 2')) {
    assert.ok(Date.now() < deadline, 'the keeper never gave the office up');
    await delay(10);
  }
});

test('a passive host says who leads', async (t) => {
  const store = memoryStore();
  const { client } = await office(t, store);
  store.appoint({ ...noLeadership, term: 2, leader: 'b' });
  const state = await until(client, ({ active }) => active !== null);
  assert.deepEqual(state, {
    role: 'passive',
    token: null,
    epoch: null,
    revision: null,
    leaseUntil: 0,
    active: { name: 'b', address: '10.0.0.2' },
  });
});

test('an office that somebody took between reading and taking is read again, and the next epoch taken', async (t) => {
  const store = memoryStore();
  const { record } = store;
  let stolen = false;
  const { client } = await office(t, {
    ...store,
    record: {
      ...record,
      read: async () => {
        const token = await record.read();
        if (!stolen) store.steal('4@b');
        stolen = true;
        return token;
      },
    },
  });
  store.appoint(leading(3, 60_000));
  const taken = await until(client, (state) => state.role === 'active');
  assert.equal(taken.token, '5@a');
  assert.equal(store.token(), '5@a');
});

test('handing over makes everybody passive before another is asked to lead', async (t) => {
  const store = memoryStore();
  const { client, keeper } = await office(t, store);
  store.appoint(leading(3, 60_000));
  await until(client, (state) => state.role === 'active');
  await keeper.handOver('shutdown', 60_000);
  assert.equal(store.transfers(), 1);
  assert.equal(keeper.active, false);
  const state = await until(client, ({ active }) => active?.name === 'b');
  assert.equal(state.role, 'passive');
});
