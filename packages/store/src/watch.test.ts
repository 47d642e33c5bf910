import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { systemClock } from './clock.ts';
import { keyRange } from './key-index.ts';
import { Mvcc } from './mvcc.ts';
import type { WatchEvent } from './types.ts';
import { WatchHub } from './watch.ts';
import type { Watcher, WatcherOptions } from './watcher.ts';

let turns: (() => void)[];
let state: Mvcc;
let hub: WatchHub;

beforeEach(() => {
  turns = [];
  state = new Mvcc({ read: () => undefined });
  hub = new WatchHub(state, { ...systemClock, soon: (run) => void turns.push(run) });
});

/** One watcher and all it was given. */
interface Client {
  watcher: Watcher;
  readonly batches: (readonly WatchEvent[])[];
  /** Whether there is room for more. */
  room: boolean;
}

function watch(key: string, options: Partial<WatcherOptions> = {}): Client {
  const batches: Client['batches'] = [];
  const client = { batches, room: true } as unknown as Client;
  client.watcher = hub.add({
    range: keyRange(Buffer.from(key), Buffer.alloc(0)),
    from: state.revision + 1,
    prevKv: false,
    noPut: false,
    noDelete: false,
    deliver: (events) => {
      batches.push(events);
      return client.room;
    },
    compacted: () => assert.fail('nothing is compacted'),
    ...options,
  });
  return client;
}

function put(key: string, value: string): void {
  const before = state.revision;
  state.write(() => state.put(Buffer.from(key), Buffer.from(value), 0n));
  hub.revisions(before + 1, state.revision);
}

/** Lets one turn of the event loop pass. Returns whether anything was waiting for it. */
function turn(): boolean {
  const now = turns;
  turns = [];
  for (const run of now) run();
  return now.length > 0;
}

function settle(): void {
  for (let i = 0; i < 1_000; i++) if (!turn()) return;
  assert.fail('it never ends');
}

function values({ batches }: Client): string[] {
  return batches.flat().map(({ kv }) => kv.value.toString());
}

test('everybody gets every event once and in order, some in each turn, whatever comes meanwhile', () => {
  const clients = Array.from({ length: 200 }, () => watch('a'));
  const other = watch('b');
  put('a', '1');
  turn();
  const served = clients.filter(({ batches }) => batches.length > 0).length;
  assert.ok(served > 0 && served < 200, `${served} were served in one turn`);
  put('a', '2');
  put('b', 'x');
  turn();
  put('a', '3');
  const late = watch('a');
  settle();
  for (const client of clients) assert.deepEqual(values(client), ['1', '2', '3']);
  assert.deepEqual(values(other), ['x']);
  assert.deepEqual(values(late), []);
  assert.ok(clients.every(({ watcher }) => hub.isCurrent(watcher)));
  const arrays = new Set(clients.flatMap(({ batches }) => batches));
  assert.ok(arrays.size < 20, `${arrays.size} arrays were made for 200 watchers`);
});

test('a watcher is current only when it has got what others were given already', () => {
  const clients = Array.from({ length: 100 }, () => watch('a'));
  put('a', '1');
  turn();
  for (const { watcher, batches } of clients) assert.equal(hub.isCurrent(watcher), batches.length > 0);
});

test('one whose client is slow, and one that leaves, take nothing from the others, and the slow one loses nothing', () => {
  const clients = Array.from({ length: 130 }, () => watch('a'));
  const [slow, gone] = clients.slice(-2);
  assert.ok(slow !== undefined && gone !== undefined);
  put('a', '1');
  turn();
  hub.remove(gone.watcher);
  slow.room = false;
  put('a', '2');
  settle();
  put('a', '3');
  settle();
  assert.deepEqual(values(slow), ['1', '2'], 'nothing more after it was full');
  assert.deepEqual(values(gone), []);
  for (const client of clients.slice(0, -2)) assert.deepEqual(values(client), ['1', '2', '3']);
  slow.room = true;
  hub.resume(slow.watcher);
  settle();
  assert.deepEqual(values(slow), ['1', '2', '3']);
  assert.equal(hub.size, 129);
});

test('a watch from a revision to come begins there, also in the middle of what is handed out', () => {
  const first = watch('a');
  const future = watch('a', { from: state.revision + 3 });
  const clients = Array.from({ length: 100 }, () => watch('a'));
  put('a', '1');
  put('a', '2');
  put('a', '3');
  settle();
  assert.deepEqual(values(future), ['3']);
  for (const client of [first, ...clients]) assert.deepEqual(values(client), ['1', '2', '3']);
});

test('filters and previous values are kept apart', () => {
  put('a', '0');
  const plain = watch('a');
  const previous = watch('a', { prevKv: true });
  const deletes = watch('a', { noPut: true });
  put('a', '1');
  settle();
  assert.deepEqual(
    [plain, previous].map(({ batches }) => batches[0]?.[0]?.prevKv?.value.toString()),
    [undefined, '0'],
  );
  assert.deepEqual(deletes.batches, []);
});

test('what is held for those who wait is bounded: beyond it they are served at once', () => {
  const clients = Array.from({ length: 300 }, () => watch('a'));
  for (let i = 0; i < 5_000; i++) put('a', String(i));
  const behind = clients.filter(({ batches }) => batches.flat().length < 2_900);
  assert.equal(behind.length, 0, 'nobody is further behind than the bound');
  settle();
  for (const client of clients) assert.equal(values(client).length, 5_000);
});

test('what was just applied is handed out at once to the first, and to nobody while others wait for their turn', () => {
  const clients = Array.from({ length: 200 }, () => watch('a'));
  const alone = watch('b');
  const served = (): number => clients.filter(({ batches }) => batches.length > 0).length;
  put('b', '1');
  hub.handOut();
  assert.deepEqual(values(alone), ['1'], 'without a turn of the event loop');
  put('a', '1');
  put('a', '2');
  hub.handOut();
  const first = served();
  assert.ok(first > 0 && first < clients.length, `${first} were served at once`);
  put('b', '2');
  hub.handOut();
  assert.equal(served(), first);
  assert.deepEqual(values(alone), ['1']);
  settle();
  for (const client of clients) assert.deepEqual(values(client), ['1', '2']);
  assert.deepEqual(values(alone), ['1', '2']);
  put('b', '3');
  hub.handOut();
  assert.deepEqual(values(alone), ['1', '2', '3'], 'nobody waits any more');
});
