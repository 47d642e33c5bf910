/** What entries do by the version in force, and that a state comes back as of exactly the entry it stands at. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { GrpcError } from '@timonier/grpc';
import { entryBatchCodec, type StoredRequest } from './codecs.ts';
import { StateDisk } from './state-disk.ts';
import { StateMachine } from './state-machine.ts';
import { atEnd } from './testing/at-end.ts';
import { alarmType } from './types.ts';
import type { VersionRange } from './versions/entry-versions.ts';

const term = 3;
const nothing = Buffer.alloc(0);

class Machine {
  readonly results: object[] = [];
  readonly disk: StateDisk;
  readonly state: StateMachine;
  #index = 0;

  private constructor(folder: string, versions?: VersionRange) {
    this.disk = new StateDisk(folder);
    this.state = new StateMachine({
      disk: this.disk,
      cluster: 'c',
      members: ['a', 'b'].map((id) => ({ id, name: id, peerUrls: [], clientUrls: [] })),
      configuration: { voters: ['a', 'b'], learners: [] },
      ...(versions === undefined ? {} : { versions }),
      onResult: (_proposer, _id, result) => this.results.push(result),
      onRevisions: () => undefined,
      onCompacted: () => undefined,
      onMembership: () => undefined,
      onLease: () => undefined,
    });
  }

  static async open(t: TestContext, folder: string, versions?: VersionRange): Promise<Machine> {
    const machine = new Machine(folder, versions);
    await machine.disk.open();
    atEnd(t, () => machine.disk.close());
    try {
      await machine.state.load(await machine.disk.settle(0));
    } catch (error) {
      await machine.disk.close();
      throw error;
    }
    machine.#index = machine.state.appliedIndex;
    return machine;
  }

  /** One entry each. */
  apply(...requests: Omit<StoredRequest, 'id'>[]): void {
    for (const request of requests) {
      this.#index += 1;
      const data = entryBatchCodec.encode({ proposer: 1, requests: [{ ...request, id: this.#index }] });
      this.state.apply({ index: this.#index, term, type: 'normal', data });
    }
  }

  get refusals(): string[] {
    return this.results.filter((result) => result instanceof GrpcError).map(({ details }) => details);
  }
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'machine-'));
  atEnd(t, () => rmSync(path, { recursive: true, force: true }));
  return path;
}

const put = (key: string): Omit<StoredRequest, 'id'> => ({
  put: {
    key: Buffer.from(key),
    value: nothing,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  },
});
const raise = (version: number, members = ['a', 'b']): Omit<StoredRequest, 'id'> => ({
  clusterVersion: { version, members },
});
const checkpoint = (remainingTtl: number, inTerm = term): Omit<StoredRequest, 'id'> => ({
  leaseCheckpoints: { term: inTerm, checkpoints: [{ ID: 7n, remainingTtl }] },
});
const grant = { leaseGrant: { ID: 7n, TTL: 100 } };

test('what a version brought counts from the entry that raises it, and only then', async (t) => {
  const m = await Machine.open(t, folder(t));
  const { state } = m;
  const left = (): number | undefined => state.state.leases.get(7n)?.remaining;
  m.apply(grant, checkpoint(40));
  assert.equal(left(), 0, 'nothing was decided yet');
  m.apply(raise(1), checkpoint(40));
  assert.equal(left(), 0, 'the first version knows of no checkpoints');
  m.apply(raise(2, ['a']), checkpoint(40));
  assert.equal(left(), 0, 'it was decided for other members');
  m.apply(raise(2), checkpoint(41, term - 1));
  assert.equal(left(), 0, 'an earlier leader decided it');
  m.apply(checkpoint(42));
  assert.equal(left(), 42);
  m.apply(raise(1), checkpoint(43));
  assert.deepEqual([state.clusterVersion, left()], [2, 43], 'a version is never taken back');
});

test('the version and what is left of leases are part of the state on disk', async (t) => {
  const path = folder(t);
  const m = await Machine.open(t, path);
  m.apply(raise(2), grant, checkpoint(30), checkpoint(20), put('k'));
  await m.state.flush(Infinity);
  await m.disk.close();
  const again = await Machine.open(t, path);
  assert.equal(again.state.clusterVersion, 2);
  assert.deepEqual(
    { ...again.state.state.leases.get(7n), keys: [] },
    { id: 7n, ttl: 100, remaining: 20, keys: [] },
  );
  again.apply(checkpoint(0), { leaseRevoke: { ID: 7n } });
  await again.state.flush(Infinity);
  await again.disk.close();
  // The sum over all records would not be right if one was not taken out as it was.
  assert.equal((await Machine.open(t, path)).state.state.leases.size, 0);
});

test('a release that is too old stops at the entry that raises the version, and refuses the state behind it', async (t) => {
  const path = folder(t);
  const only = { min: 1, max: 1 };
  const old = await Machine.open(t, path, only);
  old.apply(raise(1), put('k'));
  assert.throws(() => old.apply(raise(2)), { name: 'IncompatibleVersionError', message: /it is too old/ });
  await old.disk.close();
  const present = await Machine.open(t, path);
  present.apply(raise(2));
  await present.state.flush(Infinity);
  await present.disk.close();
  await assert.rejects(
    Machine.open(t, path, only),
    /at version 2 of its log, and this release speaks version 1:/,
  );
  await assert.rejects(Machine.open(t, path, { min: 3, max: 4 }), /it is too new/);
  assert.equal((await Machine.open(t, path)).state.clusterVersion, 2);
});

test('a state on disk never says of itself what only later entries made true', async (t) => {
  const alarm = { alarm: { activate: true, member: 'a', alarm: alarmType.noSpace } };
  for (const [what, change] of [
    ['an alarm', alarm],
    ['a version', raise(2)],
  ] as const) {
    const path = folder(t);
    const m = await Machine.open(t, path);
    m.apply(grant, put('a'), put('b'), change);
    // The own log has only the first two entries for certain.
    await m.state.flush(2);
    await m.disk.close();
    const again = await Machine.open(t, path);
    assert.deepEqual([again.state.alarms, again.state.clusterVersion], [[], undefined], what);
    const { appliedIndex } = again.state;
    again.apply(...[grant, put('a'), put('b'), change].slice(appliedIndex));
    assert.deepEqual(again.refusals, [], what);
    assert.equal(again.state.state.revision, 3, what);
    await again.state.flush(Infinity);
    assert.equal(again.state.flushed.index, 4, what);
  }
});
