/** The disks of the simulator keep the same contract as the machine's, and forget what a power cut may take. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { folderLevels, type Level, type Levels } from '../../../packages/store/src/levels.ts';
import { folderDisk, type LogDisk } from '../../../packages/store/src/log-disk.ts';
import { Random } from '../random.ts';
import { isDiskFull } from '../../../packages/store/src/disk-room.ts';
import { MemoryLevels } from './levels.ts';
import { MemoryLogDisk } from './log-disk.ts';
import { Room } from './room.ts';
import { Life, World } from './world.ts';

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'twins-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs `use` in a world of its own until it is done. */
async function inWorld<T>(use: (world: World) => Promise<T>): Promise<T> {
  const world = new World(1);
  let done = false;
  const result = use(world).finally(() => (done = true));
  world.after(1_000_000, undefined, () => undefined);
  await world.run(() => done);
  return await result;
}

test('where there is no room writes fail as on a full disk, and what has its room can still be written', async () => {
  await inWorld(async (world) => {
    const room = new Room();
    const disk = new MemoryLogDisk(room);
    const file = disk.create('log');
    file.write(Buffer.alloc(64), 0);
    const level = await new MemoryLevels(room).of(world, new Life(), { writeMs: () => 1 }).open('one');
    room.state = 'none';
    file.write(Buffer.from('inside'), 10);
    assert.throws(() => file.write(Buffer.from('outside'), 60), isDiskFull);
    await assert.rejects(level.batch([put('a', '1')], { sync: true }), isDiskFull);
    room.state = 'plenty';
    file.write(Buffer.from('outside'), 60);
    // LevelDB takes no batch after one that failed before it is opened anew.
    await assert.rejects(level.batch([put('a', '1')], { sync: true }), isDiskFull);
    assert.equal(level.getSync(Buffer.from('a')), undefined);
  });
});

const put = (key: string, value: string) =>
  ({ type: 'put', key: Buffer.from(key), value: Buffer.from(value), before: null }) as const;
const remove = (key: string) => ({ type: 'del', key: Buffer.from(key) }) as const;

async function keys(level: Pick<Level, 'iterator'>, range = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const [key, value] of level.iterator(range)) found.push(`${key.toString()}=${value.toString()}`);
  return found;
}

async function levelsContract(levels: Levels): Promise<void> {
  const level = await levels.open('one');
  await level.batch([put('b', '1'), put('a', '2'), put('c', '3')], { sync: true });
  await level.batch([remove('b'), put('d', '4')], { sync: false });
  assert.equal(level.getSync(Buffer.from('a'))?.toString(), '2');
  assert.equal(level.getSync(Buffer.from('b')), undefined);
  assert.deepEqual(await keys(level), ['a=2', 'c=3', 'd=4']);
  assert.deepEqual(await keys(level, { gte: Buffer.from('c'), lt: Buffer.from('d') }), ['c=3']);
  const iterator = level.iterator({});
  await level.batch([put('e', '5')], { sync: false });
  const seen = await iterator.nextv(2, {});
  assert.deepEqual(
    [...seen, ...(await iterator.nextv(9, {}))].map(([key]) => key.toString()),
    ['a', 'c', 'd'],
  );
  assert.deepEqual(await iterator.nextv(9, {}), []);
  await iterator.close();
  assert.deepEqual(await keys(level, { lt: Buffer.from('d'), reverse: true, limit: 1 }), ['c=3']);
  assert.deepEqual(await keys(level, { reverse: true }), ['e=5', 'd=4', 'c=3', 'a=2']);
  const frozen = level.frozen();
  await level.batch([put('f', '6'), remove('a'), put('e', '7')], { sync: false });
  assert.equal(frozen.getSync(Buffer.from('a'))?.toString(), '2');
  assert.equal(frozen.getSync(Buffer.from('f')), undefined);
  assert.deepEqual(await keys(frozen, { gte: Buffer.from('d') }), ['d=4', 'e=5']);
  await frozen.close();
  assert.deepEqual(await keys(level), ['c=3', 'd=4', 'e=7', 'f=6']);
  await level.close();
  levels.rename('one', 'two');
  assert.deepEqual([levels.exists('one'), levels.exists('two')], [false, true]);
  const again = await levels.open('two');
  assert.deepEqual(await keys(again), ['c=3', 'd=4', 'e=7', 'f=6']);
  await again.close();
  levels.remove('two');
  assert.equal(levels.exists('two'), false);
}

test('LevelDB in a folder and its twin keep one contract', async (t) => {
  await levelsContract(folderLevels(temporary(t)));
  await inWorld((world) => levelsContract(new MemoryLevels().of(world, new Life(), { writeMs: () => 1 })));
});

test('a power cut takes unsynced batches of the twin out of order, and never a synced one', async () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 40; seed += 1) {
    const levels = new MemoryLevels();
    await inWorld(async (world) => {
      const level = await levels.of(world, new Life(), { writeMs: () => 1 }).open('state');
      await level.batch([put('safe', '1')], { sync: true });
      await level.batch([put('x', '1')], { sync: false });
      await level.batch([put('y', '1')], { sync: false });
    });
    levels.crash(new Random(seed));
    outcomes.add(
      await inWorld(async (world) => {
        const level = await levels.of(world, new Life(), { writeMs: () => 1 }).open('state');
        return (await keys(level)).join();
      }),
    );
  }
  assert.deepEqual([...outcomes].sort(), ['safe=1', 'safe=1,x=1', 'safe=1,x=1,y=1', 'safe=1,y=1']);
});

function logDiskContract(disk: LogDisk): void {
  assert.deepEqual(disk.list(), []);
  const file = disk.create('a');
  file.write(Buffer.alloc(2_000), 0);
  file.sync();
  disk.syncEntry('a');
  file.write(Buffer.from('hello'), 700);
  file.sync();
  file.close();
  assert.deepEqual(disk.list(), ['a']);
  assert.equal(disk.read('a').length, 2_000);
  assert.equal(disk.read('a').toString('utf8', 700, 705), 'hello');
  const again = disk.open('a');
  again.write(Buffer.from('J'), 700);
  again.close();
  assert.equal(disk.read('a').toString('utf8', 700, 705), 'Jello');
  disk.remove('a');
  assert.deepEqual(disk.list(), []);
}

test('the folder of a log and its twin keep one contract', (t) => {
  logDiskContract(folderDisk(join(temporary(t), 'wal')));
  logDiskContract(new MemoryLogDisk());
});

test('a power cut takes unsynced sectors of the twin, each by itself, and a killed process none', () => {
  const outcomes = new Set<string>();
  for (let seed = 0; seed <= 40; seed += 1) {
    const disk = new MemoryLogDisk();
    const file = disk.create('a');
    file.write(Buffer.alloc(1_024), 0);
    disk.syncEntry('a');
    file.write(Buffer.alloc(1_024, 1), 0);
    disk.crash(seed === 0 ? undefined : new Random(seed));
    const outcome = `${disk.read('a')[0]}${disk.read('a')[600]}`;
    if (seed === 0) assert.equal(outcome, '11');
    outcomes.add(outcome);
  }
  assert.deepEqual([...outcomes].sort(), ['00', '01', '10', '11']);
});
