import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../client.ts';
import type { BidiCall } from '../calls.ts';
import { loadService } from '../proto.ts';
import { GrpcServer } from '../server.ts';

type Shape = {
  watch: { request: { progressRequest?: object }; response: { watchId: number }; kind: 'bidi' };
};

test('a frozen message is encoded once for all streams, and one that is not frozen anew each time', async (t) => {
  const service = loadService<Shape>('etcd/rpc.proto', 'etcdserverpb.Watch');
  const method = service.methods['watch'];
  assert.ok(method !== undefined);
  let encoded = 0;
  const counting = {
    ...service,
    methods: {
      watch: {
        ...method,
        response: {
          ...method.response,
          encode: (message: object) => {
            encoded++;
            return method.response.encode(message);
          },
        },
      },
    },
  };
  const calls: BidiCall<object, { watchId: number }>[] = [];
  let arrived: () => void = () => undefined;
  const both = new Promise<void>((resolve) => (arrived = resolve));
  const server = new GrpcServer({ implementation: 'lean' });
  t.after(() => server.shutdown(0));
  server.addService(counting, {
    watch: async (call) => {
      calls.push(call);
      if (calls.length === 2) arrived();
      for await (const _request of call.requests) continue;
    },
  });
  const client = createClient(service, `127.0.0.1:${await server.listen('127.0.0.1:0')}`);
  t.after(() => client.close());
  const streams = [client.bidi('watch'), client.bidi('watch')];
  for (const stream of streams) stream.write({ progressRequest: {} });
  await both;
  const shared = Object.freeze({ watchId: 7 });
  const own = { watchId: 8 };
  for (const call of calls) {
    call.write(shared);
    call.write(own);
    own.watchId++;
  }
  const seen: number[][] = [];
  for (const stream of streams) {
    const ids: number[] = [];
    for await (const { watchId } of stream) if (ids.push(watchId) === 2) break;
    seen.push(ids);
  }
  assert.deepEqual(
    seen.toSorted((a, b) => (a[1] ?? 0) - (b[1] ?? 0)),
    [
      [7, 8],
      [7, 9],
    ],
  );
  assert.equal(encoded, 3, 'once for the frozen one, twice for the other');
});
