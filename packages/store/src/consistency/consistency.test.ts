import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { decodeBlock, encodeBlock } from '../change-block.ts';
import { systemClock } from '../clock.ts';
import { Mvcc } from '../mvcc.ts';
import { isBlockKey } from '../state-records.ts';
import type { PeerFrame } from '../peer-wire.ts';
import { StateDisk } from '../state-disk.ts';
import { unseal } from '../state-seal.ts';
import { eventually, TestCluster } from '../testing/processes.ts';
import { Consistency } from './consistency.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Members whose frames arrive at once; each writes what it is told. */
class Group {
  readonly states = new Map<string, Mvcc>();
  readonly members = new Map<string, Consistency>();
  readonly alarms: (string | undefined)[] = [];
  /** Whose frames are lost. */
  readonly away = new Set<string>();
  leader: string;
  quorum = true;
  /** Once: called when a frame for this member was lost, or has arrived. */
  onFrameFor: { readonly id: string; readonly run: () => void } | undefined;

  constructor(ids: readonly string[]) {
    this.leader = ids[0] ?? '';
    for (const id of ids) {
      this.states.set(id, new Mvcc({ read: () => undefined }));
      const send = (to: string, frame: PeerFrame): boolean => {
        const seen = (): void => {
          if (this.onFrameFor?.id !== to) return;
          const { run } = this.onFrameFor;
          this.onFrameFor = undefined;
          setImmediate(run);
        };
        if (this.away.has(to) || this.away.has(id)) {
          seen();
          return false;
        }
        setImmediate(() => {
          this.members.get(to)?.frame(id, frame);
          seen();
        });
        return true;
      };
      this.members.set(
        id,
        new Consistency({
          self: id,
          clock: systemClock,
          everyMs: 0,
          state: () => this.state(id),
          configuration: () => ({ voters: ids, learners: [] }),
          name: (member) => `member ${member}`,
          leads: () => this.leader === id,
          send,
          barrier: () => (this.quorum ? Promise.resolve() : Promise.reject(new Error('request timed out'))),
          alarm: (member) => {
            this.alarms.push(member);
            return Promise.resolve({});
          },
          log: silent,
        }),
      );
    }
  }

  state(id: string): Mvcc {
    const state = this.states.get(id);
    assert.ok(state !== undefined);
    return state;
  }

  put(value: string, ids: Iterable<string> = this.states.keys()): void {
    for (const id of ids) {
      const state = this.state(id);
      state.write(() => state.put(Buffer.from('k'), Buffer.from(value), 0n));
      state.takeJournal(state.revision, 1);
    }
  }

  async check(id = this.leader): Promise<readonly (string | undefined)[]> {
    await this.members.get(id)?.check();
    return this.alarms;
  }
}

test('members that hold the same raise nothing, and a member alone with its data is named', async () => {
  const g = new Group(['a', 'b', 'c']);
  g.put('1');
  assert.deepEqual(await g.check(), []);
  g.put('2', ['a', 'c']);
  g.put('3', ['b']);
  assert.deepEqual(await g.check(), ['b']);
});

test('the leader finds that it is the one alone with its data', async () => {
  const g = new Group(['a', 'b', 'c']);
  g.put('1', ['a']);
  g.put('2', ['b', 'c']);
  assert.deepEqual(await g.check(), ['a']);
});

test('where no majority says who is right, the alarm is about all', async () => {
  const g = new Group(['a', 'b']);
  g.put('1', ['a']);
  g.put('2', ['b']);
  assert.deepEqual(await g.check(), [undefined]);
});

test('only the leader looks', async () => {
  const g = new Group(['a', 'b', 'c']);
  g.put('1', ['a', 'c']);
  g.put('2', ['b']);
  assert.deepEqual(await g.check('c'), []);
});

test('who lags is waited for, and who is away or compacted otherwise is not compared', async () => {
  const g = new Group(['a', 'b', 'c']);
  g.put('1');
  g.put('2', ['a', 'b']);
  g.onFrameFor = { id: 'c', run: () => g.put('3', ['c']) };
  const found = g.check();
  assert.deepEqual(await found, ['c']);
  g.alarms.length = 0;
  // Its answer finds no connection at first, as of a member that has just started.
  g.away.add('c');
  g.onFrameFor = { id: 'c', run: () => g.away.clear() };
  const soon = g.check();
  assert.deepEqual(await soon, ['c']);
  g.alarms.length = 0;
  g.away.add('c');
  assert.deepEqual(await g.check(), []);
  g.away.clear();
  g.put('4');
  for (const id of ['a', 'b']) {
    g.state(id).compact(3);
    while (g.state(id).sweeping) g.state(id).sweep(32);
  }
  assert.deepEqual(await g.check(), []);
});

test('before it serves, a member that differs from a majority refuses, and one that the majority agrees with goes on', async () => {
  const g = new Group(['a', 'b', 'c']);
  g.put('1', ['a', 'c']);
  g.put('2', ['b']);
  await g.members.get('a')?.initial();
  await assert.rejects(g.members.get('b')?.initial() ?? Promise.resolve(), {
    name: 'StateCorruptError',
    message: /^member b \(b\) found data inconsistency with peers at revision 2 .*docs\/operations\/disk.md$/,
  });
  g.quorum = false;
  await g.members.get('b')?.initial();
  assert.deepEqual(g.alarms, []);
});

/** Changes a value that is stored, in a way that no checksum tells. */
async function plant(folder: string, from: string, to: string): Promise<void> {
  const disk = new StateDisk(folder);
  await disk.open();
  try {
    const meta = await disk.settle(0);
    assert.ok(meta !== undefined);
    await disk.load(new Mvcc(disk), meta);
    const view = await disk.view();
    let changed = 0;
    for await (const chunk of view.chunks())
      for (const [key, sealed] of chunk) {
        if (!isBlockKey(key)) continue;
        const before = unseal(key, sealed);
        const value = encodeBlock(
          [...decodeBlock(before)].map(([, changes]) =>
            changes.map((change) => {
              if (change.value.toString() !== from) return change;
              changed += 1;
              return { ...change, value: Buffer.from(to) };
            }),
          ),
        );
        const { index, term, revision, compactRevision } = meta;
        const operations = [{ type: 'put' as const, key, value, before: Buffer.from(before) }];
        const record = {
          index,
          term,
          revision,
          compactRevision,
          operations,
          revisions: [],
          blocks: [],
          bytes: 0,
          growth: 0,
        };
        await disk.flush([record], meta);
      }
    await view.close();
    assert.equal(changed, 1);
  } finally {
    await disk.close();
  }
}

test('a member whose data was changed behind its back is found, stops, and comes back as a new one', async (t) => {
  const c = await TestCluster.create(3);
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
  });
  c.startAll();
  const first = await c.leader();
  await c.ctl(['put', 'k', 'right']);
  const victim = c.names.find((name) => name !== first) ?? '';
  const others = c.names.filter((name) => name !== victim);
  const endpoints = others.map((name) => c.endpoint(name)).join(',');
  const ended = async (reason: RegExp): Promise<void> => {
    assert.equal(await c.ended(victim), 1);
    assert.match(c.output.get(victim) ?? '', reason);
  };
  for (const name of c.names)
    await eventually('the version that knows of single members is agreed on', async () => {
      const shown = (await (await fetch(`${c.endpoint(name)}/version`)).json()) as { etcdcluster: string };
      assert.equal(shown.etcdcluster, '3.5.0');
    });
  await eventually('all have what a majority acknowledged', async () => {
    const text = await c.ctl(['get', 'k', '--print-value-only', '--consistency=s'], { at: victim });
    assert.equal(text, 'right\n');
  });
  await c.end(victim, 'SIGTERM');
  await plant(c.dataDir(victim), 'right', 'wrong');

  c.start(victim, ['--experimental-initial-corrupt-check=true']);
  await ended(/found data inconsistency with peers at revision 2/);

  for (const name of others) await c.end(name, 'SIGTERM');
  for (const name of c.names) c.start(name, ['--experimental-corrupt-check-time=200ms']);
  await ended(/holds other data than a majority of the members \(alarm CORRUPT\)/);
  const ids = new Map<string, string>();
  await eventually('the others serve', async () => {
    const list = await c.ctl(['member', 'list', `--endpoints=${endpoints}`]);
    for (const line of list.trim().split('\n')) {
      const [id = '', , name = ''] = line.split(', ');
      ids.set(name, id);
    }
  });
  const id = ids.get(victim) ?? '';
  const alarms = await c.ctl(['alarm', 'list', `--endpoints=${endpoints}`]);
  assert.equal(alarms, `memberID:${BigInt(`0x${id}`)} alarm:CORRUPT \n`);
  await c.ctl(['put', 'k2', 'goes on', `--endpoints=${endpoints}`]);
  c.output.set(victim, '');
  c.start(victim);
  await ended(/holds other data than a majority of the members \(alarm CORRUPT\)/);

  await c.ctl(['member', 'remove', id, `--endpoints=${endpoints}`]);
  await c.ctl(['alarm', 'disarm', `--endpoints=${endpoints}`]);
  rmSync(c.dataDir(victim), { recursive: true });
  await c.ctl(['member', 'add', victim, `--peer-urls=${c.peerUrl(victim)}`, `--endpoints=${endpoints}`]);
  c.start(victim, ['--initial-cluster-state=existing']);
  await eventually('it is back', async () =>
    assert.equal(await c.ctl(['get', 'k', '--print-value-only'], { at: victim }), 'right\n'),
  );
  assert.equal(await c.ctl(['alarm', 'list']), '');
});
