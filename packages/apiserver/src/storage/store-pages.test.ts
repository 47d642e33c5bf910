import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GrpcError, Status } from '@timonier/grpc';
import type { KeyValue, RangeRequest, RangeResponse } from './etcd-messages.ts';
import { PageCounts, type PagedRange, StorePages } from './store-pages.ts';

const mebibyte = 1024 * 1024;
const largest = 32 * mebibyte;

/** A store whose objects have sizes and no bytes. */
class Sizes {
  readonly asked: { readonly limit: number; readonly bytes: number; readonly revision: number }[] = [];
  readonly #objects: readonly (readonly [key: string, bytes: number])[];
  /** Answers of more bytes do not come in time. */
  slowFrom = Infinity;

  constructor(objects: readonly (readonly [string, number])[]) {
    this.#objects = objects.toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  readonly read = ({ key, rangeEnd, limit = 0, revision = 0 }: RangeRequest): Promise<RangeResponse> => {
    const end = String(rangeEnd);
    const found = this.#objects.filter(([name]) => name >= key && (end === '\0' || name < end));
    const kvs = found.slice(0, limit).map(([name, bytes]): KeyValue => ({
      key: Buffer.from(name),
      value: { length: bytes } as Buffer,
      createRevision: 1,
      modRevision: 1,
      version: 1,
      lease: 0,
    }));
    const bytes = kvs.reduce((sum, { value }) => sum + value.length, 0);
    this.asked.push({ limit, bytes, revision });
    if (bytes > largest) return Promise.reject(new GrpcError(Status.RESOURCE_EXHAUSTED, 'larger than max'));
    if (bytes > this.slowFrom) return Promise.reject(new GrpcError(Status.DEADLINE_EXCEEDED, 'too late'));
    const header = { clusterId: '1', memberId: '1', revision: 77, raftTerm: 1 };
    return Promise.resolve({ header, kvs, more: found.length > limit, count: found.length } as RangeResponse);
  };
}

const whole: PagedRange = { key: '\0', end: '\0', folderEnd: folderEnd };

function folderEnd(key: string): string {
  return `${key.slice(0, key.indexOf('/'))}0`;
}

async function keysOf(pages: StorePages): Promise<string[]> {
  const keys: string[] = [];
  for (let page = await pages.next(); page !== undefined; page = await pages.next())
    keys.push(...page.kvs.map(({ key }) => key.toString()));
  return keys;
}

function folder(name: string, count: number, bytes: (i: number) => number): [string, number][] {
  return Array.from({ length: count }, (_, i) => [`${name}/${String(i).padStart(6, '0')}`, bytes(i)]);
}

function read(store: Sizes, range: PagedRange = whole): { pages: StorePages; counts: PageCounts } {
  const counts = new PageCounts();
  return { pages: new StorePages(store.read, range, counts), counts };
}

test('every key comes once and in order, all of one revision, whatever the sizes', async () => {
  const objects = [
    ...folder('a', 3, () => 100),
    ...folder('b', 5_000, () => 2_000),
    ...folder('c', 200, () => mebibyte),
    ...folder('d', 1, () => 8 * mebibyte),
    ...folder('e', 3_000, (i) => (i % 500 === 0 ? 3 * mebibyte : 50)),
  ];
  const store = new Sizes(objects);
  const { pages, counts } = read(store);
  assert.deepEqual(
    await keysOf(pages),
    objects.map(([key]) => key),
  );
  assert.equal(await pages.next(), undefined);
  assert.equal(pages.revision, 77);
  assert.ok(store.asked.slice(1).every(({ revision }) => revision === 77));
  assert.equal(
    counts.bytes,
    objects.reduce((sum, [key, bytes]) => sum + key.length + bytes, 0),
  );
  assert.equal(counts.pages, store.asked.length - counts.tooLarge - counts.tooLate);
});

test('small objects are read a thousand at a time', async () => {
  const store = new Sizes(folder('a', 100_000, () => 2_000));
  const { pages } = read(store);
  assert.equal((await keysOf(pages)).length, 100_000);
  assert.ok(store.asked.length < 110, `${store.asked.length} pages`);
});

test('who has read thousands of small objects does not ask for thousands of large ones', async () => {
  const store = new Sizes([...folder('a', 20_000, () => 500), ...folder('b', 1_000, () => mebibyte)]);
  const { pages, counts } = read(store);
  assert.equal((await keysOf(pages)).length, 21_000);
  const most = Math.max(...store.asked.map(({ bytes }) => bytes));
  assert.ok(most <= 64 * mebibyte, `${most} bytes were asked for at once`);
  assert.ok(counts.tooLarge <= 1);
  const taken = store.asked.filter(({ bytes }) => bytes <= largest).map(({ bytes }) => bytes);
  assert.ok(Math.max(...taken.slice(-100)) <= 8 * mebibyte, 'pages have what they should have');
});

test('what does not come in time is asked for one by one', async () => {
  const store = new Sizes(folder('a', 100, () => mebibyte / 8));
  store.slowFrom = mebibyte;
  const { pages, counts } = read(store, { key: 'a', end: 'b' });
  assert.equal((await keysOf(pages)).length, 100);
  assert.ok(counts.tooLate > 0);
});

test('a store that does not answer at all is asked once more and no oftener', async () => {
  const store = new Sizes(folder('a', 100, () => 10));
  store.slowFrom = 0;
  const { pages } = read(store);
  await assert.rejects(pages.next(), /too late/);
  assert.deepEqual(
    store.asked.map(({ limit }) => limit),
    [64, 1],
  );
});

test('what cannot be read is said', async () => {
  const { pages, counts } = read(new Sizes(folder('a', 1, () => 2 * largest)));
  await assert.rejects(pages.next(), /larger than max/);
  assert.ok(counts.tooLarge <= 2);
});

test('a store that has too much to do is not asked again at once', async () => {
  let asked = 0;
  const read = (): Promise<RangeResponse> => {
    asked++;
    return Promise.reject(new GrpcError(Status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests'));
  };
  const counts = new PageCounts();
  await assert.rejects(new StorePages(read, whole, counts).next(), /too many requests/);
  assert.deepEqual([asked, counts.tooLarge], [1, 0]);
});
