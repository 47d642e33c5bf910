import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GrpcServer, loadService } from '@timonier/grpc';
import { storeOfficeRecord } from './store-office.ts';

type KvShape = {
  range: { request: { serializable: boolean }; response: object };
  txn: { request: { compare: readonly { value: Buffer }[]; success: readonly object[] }; response: object };
};

test('an office that this host does not know yet is refused once, and then read from all', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'office-'));
  // A member that has not applied the last change of the office.
  const applied = '4@a';
  let newest = '5@b';
  const server = new GrpcServer();
  server.addService(loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV'), {
    range: ({ serializable }) => ({ kvs: [{ value: Buffer.from(serializable ? applied : newest) }] }),
    txn: ({ compare }) => {
      const succeeded = compare[0]?.value.toString() === newest;
      if (succeeded) newest = '6@c';
      return { succeeded, header: { revision: 77 } };
    },
  });
  const target = `unix:${join(folder, 's')}`;
  await server.listen(target);
  const record = storeOfficeRecord([{ target }]);
  t.after(async () => {
    record.close();
    await server.shutdown(100);
    rmSync(folder, { recursive: true });
  });
  assert.equal(await record.read(), '4@a');
  assert.equal(await record.take('4@a', '5@c'), null);
  assert.equal(await record.read(), '5@b');
  assert.deepEqual(await record.take('5@b', '6@c'), { revision: 77 });
  // The next time the own member is trusted again.
  assert.equal(await record.read(), '4@a');
});
