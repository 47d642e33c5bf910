/**
 * Watches, locks, elections and users over gRPC, on Debian's etcd and on `timonier store` in one run: what etcdctl has
 * no words for, and what takes several callers at once.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type BidiStream, createClient, type GrpcClient, GrpcError, loadService } from '@timonier/grpc';
import { until } from '../../acceptance/wait.ts';
import { etcd, StoreGroup, timonier } from './members.ts';

type Unary = { request: object; response: object };
type KvShape = { put: Unary; range: Unary; deleteRange: Unary; txn: Unary; compact: Unary };
type WatchShape = { watch: { request: object; response: WatchResponse; kind: 'bidi' } };
type LeaseShape = { leaseGrant: Unary; leaseRevoke: Unary; leaseTimeToLive: Unary };
type LockShape = { lock: Unary; unlock: Unary };
type ElectionShape = {
  campaign: Unary;
  proclaim: Unary;
  leader: Unary;
  resign: Unary;
  observe: { request: object; response: object; kind: 'server-stream' };
};
interface WatchResponse {
  readonly watchId: number;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly fragment: boolean;
  readonly events: readonly object[];
}

const options = { bigintFields: ['ID', 'lease', 'clusterId', 'memberId'] };
const rpc = 'etcd/rpc.proto';
const services = {
  kv: loadService<KvShape>(rpc, 'etcdserverpb.KV', options),
  watch: loadService<WatchShape>(rpc, 'etcdserverpb.Watch', options),
  lease: loadService<LeaseShape>(rpc, 'etcdserverpb.Lease', options),
  lock: loadService<LockShape>('etcd/lock.proto', 'v3lockpb.Lock', options),
  election: loadService<ElectionShape>('etcd/election.proto', 'v3electionpb.Election', options),
};

interface Clients {
  readonly kv: GrpcClient<KvShape>;
  readonly watch: GrpcClient<WatchShape>;
  readonly lease: GrpcClient<LeaseShape>;
  readonly lock: GrpcClient<LockShape>;
  readonly election: GrpcClient<ElectionShape>;
}

const bytes = (text: string): Buffer => Buffer.from(text);
const all = { key: bytes('\0'), rangeEnd: bytes('\0') };
const timeoutMs = 60_000;

/** What must differ: who answered. Buffers become text, large ones their length. */
function comparable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.length > 100 ? `${value.length} bytes` : value.toString('latin1');
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === 'bigint') return `${value}`;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !['clusterId', 'memberId', 'raftTerm'].includes(name))
      .map(([name, inner]) => [name, comparable(inner)]),
  );
}

/** The answer, or the error with its code. */
async function outcome(call: Promise<object>): Promise<unknown> {
  try {
    return comparable(await call);
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    return { code: error.code, details: error.details };
  }
}

/** One stream of watches and what came on it. */
class Watching {
  readonly received: WatchResponse[] = [];
  readonly #stream: BidiStream<object, WatchResponse>;
  readonly #done: Promise<void>;

  constructor({ watch }: Clients) {
    const stream = watch.bidi('watch');
    this.#stream = stream;
    this.#done = (async () => {
      try {
        for await (const response of stream) this.received.push(response);
      } catch {
        // Cancelled.
      }
    })();
  }

  send(request: object): void {
    this.#stream.write(request);
  }

  create(request: object): void {
    this.send({ createRequest: request });
  }

  /** Resolves when so many responses are there, or so many events in them. */
  async until(what: string, enough: (received: readonly WatchResponse[]) => boolean): Promise<void> {
    await until(what, 60_000, () => (enough(this.received) ? true : undefined));
  }

  async count(responses: number): Promise<void> {
    await this.until(`${responses} responses`, ({ length }) => length >= responses);
  }

  /** All that came, each watch's in its order. */
  async close(): Promise<unknown> {
    this.#stream.cancel();
    await this.#done;
    return comparable(this.received.toSorted((a, b) => a.watchId - b.watchId));
  }
}

const eventsOf = (received: readonly WatchResponse[]): number =>
  received.reduce((sum, { events }) => sum + events.length, 0);

suite('a gRPC client sees the same on streams', () => {
  const groups: StoreGroup[] = [];
  const sides: Clients[] = [];

  before(
    async () => {
      for (const program of [etcd, process.env['STORE_PEER'] === 'etcd' ? etcd : timonier])
        groups.push(
          await StoreGroup.start(
            { ...program, args: [...program.args, '--max-txn-ops=3', '--max-request-bytes=2000000'] },
            1,
          ),
        );
      for (const { members } of groups) {
        const address = members[0]?.address ?? '';
        sides.push({
          kv: createClient(services.kv, address),
          watch: createClient(services.watch, address, { maxReceiveBytes: 64 << 20 }),
          lease: createClient(services.lease, address),
          lock: createClient(services.lock, address),
          election: createClient(services.election, address),
        });
      }
    },
    { timeout: 300_000 },
  );
  after(async () => {
    for (const side of sides) for (const client of Object.values(side)) (client as GrpcClient).close();
    for (const group of groups) await group.close();
  });

  /** Does the same on both and asserts that it came to the same; what that was, for more questions. */
  async function same(act: (side: Clients) => Promise<unknown>): Promise<unknown> {
    const [theirs, ours] = await Promise.all(sides.map((side) => act(side)));
    assert.deepEqual(ours, theirs);
    return ours;
  }

  const put = ({ kv }: Clients, key: string, value = 'v', more: object = {}): Promise<object> =>
    kv.unary('put', { key: bytes(key), value: bytes(value), ...more }, { timeoutMs });
  const remove = ({ kv }: Clients, key: string): Promise<object> =>
    kv.unary('deleteRange', { key: bytes(key) }, { timeoutMs });

  test('filters leave out puts or deletions', async () => {
    const seen = await same(async (side) => {
      const watching = new Watching(side);
      watching.create({ ...all, filters: [0], prevKv: true });
      watching.create({ ...all, filters: [1] });
      watching.create({ ...all, filters: [0, 1] });
      watching.create({ key: bytes('filtered') });
      await watching.count(4);
      await put(side, 'filtered', '1');
      await put(side, 'filtered', '2');
      await remove(side, 'filtered');
      await watching.until('6 events', (received) => eventsOf(received) >= 6);
      return watching.close();
    });
    assert.match(JSON.stringify(seen), /"type":1/);
  });

  test('ids may be chosen, not twice, and can be cancelled', async () => {
    const seen = await same(async (side) => {
      const watching = new Watching(side);
      watching.create({ key: bytes('ids'), watchId: 5 });
      await watching.count(1);
      watching.create({ key: bytes('ids'), watchId: 5 });
      await watching.count(2);
      watching.create({ key: bytes('ids') });
      await watching.count(3);
      watching.create({ key: bytes('ids'), watchId: 1 });
      await watching.count(4);
      watching.create({ key: bytes('ids') });
      await watching.count(5);
      watching.send({ cancelRequest: { watchId: 5 } });
      await watching.count(6);
      watching.send({ cancelRequest: { watchId: 77 } });
      await put(side, 'ids');
      await watching.until('3 events', (received) => eventsOf(received) >= 3);
      return watching.close();
    });
    assert.match(JSON.stringify(seen), /duplicate/);
  });

  test('a range that ends before it begins, an empty key, and everything from a key on', async () => {
    await same(async (side) => {
      const watching = new Watching(side);
      watching.create({ key: bytes('z'), rangeEnd: bytes('a') });
      await watching.count(1);
      watching.create({ key: bytes(''), watchId: 20 });
      await watching.count(2);
      watching.create({ key: bytes(''), rangeEnd: bytes('\0'), watchId: 21 });
      await watching.count(3);
      watching.create({ key: bytes('from'), rangeEnd: bytes('\0'), watchId: 22 });
      await watching.count(4);
      await put(side, 'from/here');
      await watching.until('2 events', (received) => eventsOf(received) >= 2);
      return watching.close();
    });
  });

  test('a watch from a revision to come sees nothing before it', async () => {
    await same(async (side) => {
      const { header } = (await put(side, 'future', '0')) as { header: { revision: number } };
      const watching = new Watching(side);
      watching.create({ key: bytes('future'), startRevision: header.revision + 3 });
      watching.create({ key: bytes('future'), startRevision: header.revision, prevKv: true });
      await watching.count(3);
      for (const value of ['1', '2', '3', '4']) await put(side, 'future', value);
      await watching.until('all events', (received) => eventsOf(received) >= 2 + 5);
      const events = new Map<number, unknown[]>();
      for (const { watchId, events: some } of watching.received)
        events.set(watchId, [...(events.get(watchId) ?? []), ...some]);
      await watching.close();
      return comparable([...events].sort(([a], [b]) => a - b));
    });
  });

  test('progress is told when asked, and by itself to who wants it', async () => {
    await same(async (side) => {
      const watching = new Watching(side);
      watching.create({ key: bytes('progress') });
      await watching.count(1);
      watching.send({ progressRequest: {} });
      await watching.count(2);
      return watching.close();
    });
  });

  test('events of one revision that are too much for a message come in fragments', async () => {
    await same(async (side) => {
      const watching = new Watching(side);
      watching.create({ key: bytes('large/'), rangeEnd: bytes('large0'), fragment: true, prevKv: true });
      await watching.count(1);
      const value = 'x'.repeat(600_000);
      await side.kv.unary(
        'txn',
        {
          success: ['a', 'b', 'c'].map((key) => ({
            requestPut: { key: bytes(`large/${key}`), value: bytes(value) },
          })),
        },
        { timeoutMs },
      );
      await watching.until('3 events', (received) => eventsOf(received) >= 3);
      await side.kv.unary(
        'txn',
        {
          success: ['a', 'b', 'c'].map((key) => ({
            requestPut: { key: bytes(`large/${key}`), value: bytes(value) },
          })),
        },
        { timeoutMs },
      );
      await watching.until('6 events', (received) => eventsOf(received) >= 6);
      const fragments = watching.received.filter(({ fragment }) => fragment).length;
      await watching.close();
      return { events: eventsOf(watching.received), fragmented: fragments > 0 };
    });
  });

  test('limits are those of the flags, with etcd’s words', async () => {
    const large = 'x'.repeat(2_000_000);
    await same(async (side) => {
      const operations = (n: number): object[] =>
        Array.from({ length: n }, (_unused, i) => ({ requestRange: { key: bytes(`k${i}`) } }));
      return [
        await outcome(side.kv.unary('txn', { success: operations(3) }, { timeoutMs })),
        await outcome(side.kv.unary('txn', { success: operations(4) }, { timeoutMs })),
        await outcome(side.kv.unary('txn', { failure: operations(4) }, { timeoutMs })),
        await outcome(
          side.kv.unary('txn', { success: [{ requestTxn: { success: operations(4) } }] }, { timeoutMs }),
        ),
        await outcome(put(side, 'large', large)),
        await outcome(put(side, 'large', `${large}${'x'.repeat(600_000)}`)),
      ];
    });
  });

  test('history that is gone cancels a watch and says what is left', async () => {
    const seen = await same(async (side) => {
      const { header } = (await put(side, 'gone', '1')) as { header: { revision: number } };
      await put(side, 'gone', '2');
      await side.kv.unary('compact', { revision: header.revision + 1, physical: true }, { timeoutMs });
      const watching = new Watching(side);
      watching.create({ key: bytes('gone'), startRevision: header.revision });
      await watching.count(2);
      watching.create({ key: bytes('gone'), startRevision: header.revision + 1, watchId: 9 });
      await watching.until('an event', (received) => eventsOf(received) >= 1);
      return watching.close();
    });
    assert.match(JSON.stringify(seen), /"compactRevision":[1-9]/);
  });

  /** Answers to calls that wait, as they come. */
  function waiting(call: Promise<object>): { answered: boolean; readonly result: Promise<unknown> } {
    const state = { answered: false, result: outcome(call) };
    void state.result.then(() => (state.answered = true));
    return state;
  }

  test('a lock is taken in turn, by lease, and given up with the lease or by who waits', async () => {
    await same(async (side) => {
      for (const id of [101n, 102n, 103n])
        await side.lease.unary('leaseGrant', { ID: id, TTL: 600 }, { timeoutMs });
      const take = (lease: bigint, signal?: AbortSignal): Promise<object> =>
        side.lock.unary(
          'lock',
          { name: bytes('lock'), lease },
          signal === undefined ? { timeoutMs } : { timeoutMs, signal },
        );
      const first = await outcome(take(101n));
      const again = await outcome(take(101n));
      const second = waiting(take(102n));
      const keys = async (): Promise<unknown> =>
        (
          (await side.kv.unary(
            'range',
            { key: bytes('lock/'), rangeEnd: bytes('lock0') },
            { timeoutMs },
          )) as {
            count: number;
          }
        ).count;
      await until('the second waits', 60_000, async () => ((await keys()) === 2 ? true : undefined));
      const impatient = new AbortController();
      const third = take(103n, impatient.signal).then(
        () => 'taken',
        () => 'given up',
      );
      await until('the third waits', 60_000, async () => ((await keys()) === 3 ? true : undefined));
      impatient.abort();
      const given = await third;
      await until('the key of who gave up is gone', 60_000, async () =>
        (await keys()) === 2 ? true : undefined,
      );
      const early = second.answered;
      await side.lease.unary('leaseRevoke', { ID: 101n }, { timeoutMs });
      const next = (await second.result) as { key: string };
      const unlocked = await outcome(side.lock.unary('unlock', { key: bytes(next.key) }, { timeoutMs }));
      // etcd gives errors of locks no code of their own.
      const { details: unknown } = (await outcome(take(999n))) as { details: string };
      return [first, again, given, early, next, unlocked, await keys(), unknown];
    });
  });

  test('an election has one leader at a time, who proclaims, is observed and resigns', async () => {
    await same(async (side) => {
      for (const id of [201n, 202n])
        await side.lease.unary('leaseGrant', { ID: id, TTL: 600 }, { timeoutMs });
      const name = bytes('election');
      const { election } = side;
      const campaign = (lease: bigint, value: string): Promise<object> =>
        election.unary('campaign', { name, lease, value: bytes(value) }, { timeoutMs });
      const ending = new AbortController();
      const observed: string[] = [];
      const observing = (async () => {
        try {
          for await (const response of election.serverStream('observe', { name }, { signal: ending.signal }))
            observed.push((response as { kv: { value: Buffer } }).kv.value.toString());
        } catch {
          // Cancelled.
        }
      })();
      const nobody = await outcome(election.unary('leader', { name }, { timeoutMs }));
      const first = (await campaign(201n, 'one')) as { leader: object };
      await until('the first is observed', 60_000, () => (observed.includes('one') ? true : undefined));
      const second = waiting(campaign(202n, 'two'));
      const leader = await outcome(election.unary('leader', { name }, { timeoutMs }));
      const again = await outcome(campaign(201n, 'one again'));
      await until('the change is observed', 60_000, () =>
        observed.includes('one again') ? true : undefined,
      );
      const proclaimed = await outcome(
        election.unary('proclaim', { leader: first.leader, value: bytes('proclaimed') }, { timeoutMs }),
      );
      await until('the proclamation is observed', 60_000, () =>
        observed.includes('proclaimed') ? true : undefined,
      );
      const early = second.answered;
      const resigned = await outcome(election.unary('resign', { leader: first.leader }, { timeoutMs }));
      const next = await second.result;
      await until('the second is observed', 60_000, () => (observed.includes('two') ? true : undefined));
      const late = await outcome(
        election.unary('proclaim', { leader: first.leader, value: bytes('late') }, { timeoutMs }),
      );
      const twice = await outcome(election.unary('resign', { leader: first.leader }, { timeoutMs }));
      ending.abort();
      await observing;
      const key = (comparable(first) as { leader: object }).leader;
      // Revisions depend on who came first of those who did not wait for each other.
      const plain = (value: unknown): unknown =>
        JSON.parse(
          JSON.stringify(value, (name_, inner: unknown) =>
            ['revision', 'rev', 'modRevision', 'createRevision'].includes(name_) ? '<n>' : inner,
          ),
        );
      return plain([nobody, key, leader, again, proclaimed, early, resigned, next, late, twice, observed]);
    });
  });
});
