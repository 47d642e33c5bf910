/** When nothing is left to seal anew, told by a store in memory whose writers are the test's. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { registry } from '@timonier/api';
import type { ServerState } from '../server-state.ts';
import type { Compare, KeyValue, RangeResponse, RequestOp } from '../storage/etcd-messages.ts';
import type { StoreClient } from '../storage/store-client.ts';
import { until } from '../testing/harness.ts';
import { parseEncryptionConfiguration } from './configuration.ts';
import { Rewriter } from './rewriter.ts';
import { Sealer } from './sealer.ts';

const root = '/registry/';
const key = `${root}secrets/default/s`;
const secrets = { a: randomBytes(32).toString('base64'), b: randomBytes(32).toString('base64') };

function keys(...names: ('a' | 'b')[]): ReturnType<typeof parseEncryptionConfiguration> {
  const list = names.map((name) => `{name: ${name}, secret: "${secrets[name]}"}`).join(', ');
  return parseEncryptionConfiguration(`
kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- {resources: [secrets], providers: [{aesgcm: {keys: [${list}]}}]}
`);
}

/** What has the one object, and seals what is written as the sealer would. */
class Memory {
  readonly #seal: (value: Buffer) => Buffer;
  kv: KeyValue | undefined;
  /** Of writes that are on their way. */
  underWay: Promise<unknown> = Promise.resolve();
  /** Does something between a read and the write after it. */
  beforeWrite: () => void = () => undefined;
  looks = 0;
  #revision = 1;

  constructor(seal: (value: Buffer) => Buffer) {
    this.#seal = seal;
  }

  put(value: Buffer): void {
    this.#revision++;
    this.kv = {
      key: Buffer.from(key),
      createRevision: 1,
      modRevision: this.#revision,
      version: 1,
      value,
      lease: 0,
    };
  }

  readonly store: Pick<StoreClient, 'pages' | 'rangeSealed' | 'sealedTxnsEnded' | 'txn'> = {
    sealedTxnsEnded: async () => void (await this.underWay),
    rangeSealed: () =>
      Promise.resolve({ kvs: this.kv === undefined ? [] : [this.kv], more: false, count: 1 }),
    pages: () => {
      this.looks++;
      const kvs = this.kv === undefined ? [] : [this.kv];
      const pages: RangeResponse[] = [{ kvs, more: false, count: kvs.length }];
      return { next: () => Promise.resolve(pages.shift()) } as ReturnType<StoreClient['pages']>;
    },
    txn: ([compare]: readonly Compare[], [operation]: readonly RequestOp[]) => {
      this.beforeWrite();
      const succeeded = compare?.modRevision === this.kv?.modRevision;
      const value = operation?.requestPut?.value;
      if (succeeded && Buffer.isBuffer(value)) this.put(this.#seal(value));
      return Promise.resolve({ succeeded, responses: [] });
    },
  };
}

function started(
  t: TestContext,
  fresh: () => Promise<void> = () => Promise.resolve(),
): { sealer: Sealer; memory: Memory; rewriter: Rewriter } {
  const sealer = new Sealer(root, registry, keys('a'));
  const memory = new Memory((value) => sealer.seal(key, value));
  const server = {
    store: memory.store,
    root,
    office: undefined,
    cache: { prefixes: () => ['configmaps', 'secrets'] },
    reads: { fresh },
    duty: { holds: () => true, onChange: () => () => undefined },
    log: { info: () => undefined, warn: () => undefined },
  };
  const rewriter = new Rewriter(server as unknown as ServerState, sealer);
  t.after(() => rewriter.stop());
  return { sealer, memory, rewriter };
}

const plain = Buffer.from('j1:-:{"metadata":{"name":"s"}}');
const keyOf = ({ kv }: Memory): string | undefined => kv?.value.toString('latin1').split(':')[4];

test('what was sealed with the old key and is still on its way is waited for', async (t) => {
  const { sealer, memory, rewriter } = started(t);
  const late = sealer.seal(key, plain);
  const { promise, resolve } = Promise.withResolvers<void>();
  memory.underWay = promise;
  rewriter.start();
  sealer.configure(keys('b', 'a'));
  await new Promise((turn) => setTimeout(turn, 0));
  await new Promise((turn) => setImmediate(turn));
  assert.equal(memory.looks, 0);
  assert.notEqual(rewriter.stale, 0);
  memory.put(late);
  resolve();
  await until(() => rewriter.stale === 0, 'nothing is left');
  assert.equal(keyOf(memory), 'b');
});

test('what somebody else writes meanwhile is looked at again, for it may be sealed with the old key', async (t) => {
  const { sealer, memory, rewriter } = started(t);
  memory.put(sealer.seal(key, plain));
  const again = sealer.seal(key, plain);
  memory.beforeWrite = () => {
    memory.beforeWrite = () => undefined;
    memory.put(again);
  };
  rewriter.start();
  sealer.configure(keys('b', 'a'));
  await until(() => rewriter.stale === 0, 'nothing is left');
  assert.equal(keyOf(memory), 'b');
});

test('what has become readable is written once, for those who were not told of it, and not when it was written since', async (t) => {
  const { sealer, memory, rewriter } = started(t);
  memory.put(sealer.seal(key, plain));
  const revision = memory.kv?.modRevision ?? 0;
  rewriter.revealed(new Map([[key, revision]]));
  await until(() => memory.kv?.modRevision === revision + 1, 'it was written');
  await until(() => rewriter.stale === 0, 'nothing is left');
  rewriter.revealed(new Map([[key, revision]]));
  await until(() => rewriter.stale === 0, 'it was looked at');
  assert.equal(memory.kv?.modRevision, revision + 1);
});

test('a look that waits for a store which is not loaded ends when it is stopped', async (t) => {
  const asked = Promise.withResolvers<void>();
  const { sealer, rewriter } = started(t, () => {
    asked.resolve();
    return new Promise(() => undefined);
  });
  rewriter.start();
  sealer.configure(keys('b', 'a'));
  await asked.promise;
  await rewriter.stop();
  assert.equal(rewriter.stale, undefined);
});
