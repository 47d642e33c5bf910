import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { GrpcError, loadService, Status } from '@timonier/grpc';
import { CallMetrics } from './call-metrics.ts';

const kv = loadService('etcd/rpc.proto', 'etcdserverpb.KV');
const call = {} as never;

test('calls are counted by how they end, messages by their number and bytes', async () => {
  const registry = new Registry();
  const metrics = new CallMetrics(registry, true);
  const { definition, handlers } = metrics.count({
    proto: 'etcd/rpc.proto',
    definition: kv,
    handlers: {
      put: () => Promise.resolve({}),
      range: () => Promise.reject(new GrpcError(Status.OUT_OF_RANGE, 'too far')),
      txn: () => {
        throw new GrpcError(Status.INVALID_ARGUMENT, 'wrong');
      },
    },
  });
  type Handler = (request: object, of: never) => unknown;
  const { put, range, txn } = handlers as Record<string, Handler>;
  for (let i = 0; i < 3; i++) await put?.({}, call);
  await assert.rejects(Promise.resolve(range?.({}, call)), /too far/);
  assert.throws(() => txn?.({}, call), /wrong/);
  const bytes = definition.methods['put']?.request.encode({ key: Buffer.from('key') });
  assert.ok(bytes !== undefined);
  definition.methods['put']?.request.decode(bytes);
  const text = await registry.metrics();
  const value = (name: string, ...labels: string[]): number => {
    const line = text
      .split('\n')
      .find((each) => each.startsWith(name) && labels.every((label) => each.includes(label)));
    return Number(line?.split(' ').at(-1));
  };
  assert.equal(value('grpc_server_started_total', '"Put"'), 3);
  assert.equal(value('grpc_server_handled_total', '"Put"', '"OK"'), 3);
  assert.equal(value('grpc_server_handled_total', '"Range"', '"OutOfRange"'), 1);
  assert.equal(value('grpc_server_handled_total', '"Txn"', '"InvalidArgument"'), 1);
  assert.equal(value('grpc_server_handling_seconds_count', '"Put"'), 3);
  assert.equal(value('grpc_server_msg_received_total', '"Put"'), 1);
  assert.equal(value('etcd_network_client_grpc_received_bytes_total'), bytes.length);
});
