import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '@timonier/grpc';
import { maintenanceService } from './client-services.ts';
import type { ServiceContext } from './services/context.ts';
import { maintenanceHandlers } from './services/maintenance.ts';
import { TestCluster } from './testing/processes.ts';
import { type Alarm, alarmType } from './types.ts';

test('alarms are listed as of the call, also by a member that has not heard of all of them yet', async () => {
  const alarms: Alarm[] = [];
  const member = {
    barrier: () => Promise.resolve(alarms.push({ member: 'a', alarm: alarmType.noSpace })),
    machine: { alarms, state: { revision: 7 } },
    host: { term: 1 },
  };
  const { alarm } = maintenanceHandlers({ member } as unknown as ServiceContext);
  const list = { action: 0, memberID: 0n, alarm: 0 };
  const answer = (await alarm?.(list, undefined as never)) as { alarms: object[] };
  assert.deepEqual(answer.alarms, [{ memberID: 0xan, alarm: alarmType.noSpace }]);
});

test('while a member is said to be corrupt nothing is read or written, as in etcd, until somebody takes it back', async (t) => {
  const c = await TestCluster.create(1);
  t.after(() => c.remove());
  c.startAll();
  await c.leader();
  await c.ctl(['put', 'a', 'b']);
  const client = createClient(maintenanceService, `unix:${c.socket('m1')}`);
  t.after(() => client.close());
  const status = (await client.unary('status', {})) as { header: { memberId: bigint } };
  const { memberId: memberID } = status.header;
  await client.unary('alarm', { action: 1, memberID, alarm: alarmType.corrupt });
  assert.match(await c.ctl(['alarm', 'list']), /^memberID:\d+ alarm:CORRUPT/);
  for (const args of [
    ['get', 'a'],
    ['get', 'a', '--consistency=s'],
    ['put', 'a', 'c'],
    ['del', 'a'],
    ['lease', 'grant', '10'],
    ['compact', '2'],
  ]) {
    const { code, stderr } = await c.etcdctl(args);
    assert.notEqual(code, 0, args.join(' '));
    assert.match(stderr, /corrupt cluster/, args.join(' '));
  }
  await assert.rejects(
    client.unary('alarm', { action: 1, memberID, alarm: 77 }),
    /INVALID_ARGUMENT: .*there is no alarm 77/,
  );
  await c.ctl(['alarm', 'disarm']);
  assert.equal(await c.ctl(['get', 'a', '--print-value-only']), 'b\n');
});
