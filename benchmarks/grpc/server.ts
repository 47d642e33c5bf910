/**
 * The process that `main.ts` measures: etcd's KV with a Put that answers at once, on the implementation named by the
 * first argument. Prints its port. Ends with its input.
 */
import { GrpcServer, loadService, type ServerKind } from '@timonier/grpc';

interface Put {
  readonly key: Buffer;
  readonly value: Buffer;
}
type KvShape = { put: { request: Put; response: object } };

const server = new GrpcServer({ implementation: process.argv[2] as ServerKind });
const kv = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV', {
  bigintFields: ['clusterId', 'memberId'],
});
let revision = 0;
server.addService(kv, {
  // A promise, as every handler that asks the disk or other members gives one.
  put: async ({ key, value }) => {
    if (key.length === 0 || value.length === 0) throw new Error('the request did not arrive whole');
    return {
      header: { clusterId: 0x1234_5678_9abc_def0n, memberId: 77n, revision: ++revision, raftTerm: 2 },
    };
  },
});
console.log(await server.listen('127.0.0.1:0'));
process.stdin.resume().once('end', () => void server.shutdown(100).then(() => process.exit(0)));
