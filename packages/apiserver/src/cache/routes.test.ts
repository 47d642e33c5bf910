import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { registry } from '@timonier/api';
import { StoredObject } from '../storage/stored-object.ts';
import { EventLog } from './event-log.ts';
import type { RequiredValue } from './field-index.ts';
import type { Route } from './routes.ts';
import { Selection } from './selection.ts';
import { changeOf } from './watch-cache.ts';

const pods = registry.lookup('', 'v1', 'pods');
assert.ok(pods !== undefined);

function ofNode(node: string): RequiredValue {
  assert.ok(pods !== undefined);
  const fieldSelector = `spec.nodeName=${node}`;
  const options = { namespace: '', name: '', labelSelector: '', fieldSelector };
  const { required } = new Selection(pods, '/registry/', options);
  assert.ok(required !== undefined);
  return required;
}

function pod(node: string, revision: number): StoredObject {
  const json = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: { nodeName: node } });
  return new StoredObject('/registry/pods/default/x', Buffer.from(json), revision, 1);
}

/** Revisions of what a watch is sent, and whether it ended because the log had forgotten what comes next. */
interface Seen {
  readonly revisions: number[];
  readonly lost: boolean;
}

/** Reads as a watch does, at most `most` changes, and leaves away what does not concern it. */
class Reader {
  readonly revisions: number[] = [];
  readonly #log: EventLog;
  readonly #required: RequiredValue;
  readonly #route: Route | undefined;
  #sequence: number;
  lost = false;
  looked = 0;

  constructor(log: EventLog, required: RequiredValue, route: Route | undefined) {
    this.#log = log;
    this.#required = required;
    this.#route = route;
    this.#sequence = log.nextSequence;
  }

  get seen(): Seen {
    return { revisions: this.revisions, lost: this.lost };
  }

  get sequence(): number {
    return this.#sequence;
  }

  read(most: number): void {
    const { value, valueOf } = this.#required;
    for (let handled = 0; handled < most && !this.lost; handled++) {
      if (this.#route !== undefined) this.#sequence = this.#log.nextFor(this.#route, this.#sequence);
      const event = this.#log.at(this.#sequence);
      if (event === undefined) return;
      if (event === 'lost') {
        this.lost = true;
        return;
      }
      this.#sequence++;
      this.looked++;
      const objects = [event.current, event.previous];
      if (objects.some((object) => object !== undefined && valueOf(object) === value))
        this.revisions.push(event.revision);
    }
  }
}

function fill(log: EventLog, count: number, node: string, revision = 1): void {
  for (let i = 0; i < count; i++) log.append(changeOf(revision + i, undefined, pod(node, revision + i)));
  log.notify();
}

test('a watch by node sees every change that the log still has, however many of them are its own', () => {
  for (const count of [90, 100, 101, 110, 125]) {
    const log = new EventLog(0, 100);
    const reader = new Reader(
      log,
      ofNode('a'),
      log.follow(() => undefined, ofNode('a')),
    );
    reader.read(1);
    fill(log, count, 'a');
    reader.read(1_000);
    assert.deepEqual([reader.revisions.length, reader.lost], [count, false], `of ${count} changes`);
  }
});

test('a watch that is further behind than the log reaches ends, and its route notes no more than the log has', () => {
  const log = new EventLog(0, 40);
  const route = log.follow(() => undefined, ofNode('busy'));
  const [busy, quiet] = [new Reader(log, ofNode('busy'), route), ofNode('quiet')];
  const beside = new Reader(
    log,
    quiet,
    log.follow(() => undefined, quiet),
  );
  busy.read(1);
  beside.read(1);
  fill(log, 400, 'busy');
  busy.read(1_000);
  assert.deepEqual(busy.seen, { revisions: [], lost: true });
  let noted = 0;
  for (let at = route.next(0, 400); at < 40; at = route.next(at + 1, 400)) noted++;
  assert.equal(noted, 40);
  assert.equal(route.next(40, 400), 40, 'from there on anything may be its own');
  beside.read(1_000);
  assert.deepEqual(
    [beside.seen, beside.looked],
    [{ revisions: [], lost: false }, 0],
    'nothing of it was its own',
  );
  assert.equal(beside.sequence, 400);
});

type Step = { readonly append: string; readonly count: number } | { readonly read: number };

const capacity = 20;

/** Returns what a watch of `a` saw, and what a twin that forgets nothing has of it. */
function run(steps: readonly Step[]): { ours: Reader; all: number[]; ownBehind: number } {
  const log = new EventLog(0, capacity);
  const ours = new Reader(
    log,
    ofNode('a'),
    log.follow(() => undefined, ofNode('a')),
  );
  ours.read(1);
  const all: number[] = [];
  let revision = 0;
  let ownBehind = 0;
  for (const step of [...steps, { read: Infinity }]) {
    if ('read' in step) {
      ours.read(step.read);
      assert.deepEqual(ours.revisions, all.slice(0, ours.revisions.length), 'nothing is left out');
      continue;
    }
    fill(log, step.count, step.append, revision + 1);
    if (step.append === 'a') for (let i = 1; i <= step.count; i++) all.push(revision + i);
    revision += step.count;
    ownBehind = Math.max(ownBehind, all.length - ours.revisions.length);
  }
  return { ours, all, ownBehind };
}

test('a watch by node sees all of its changes in order, or ends because the log forgot some that came', () => {
  const append = fc.record({ append: fc.constantFrom('a', 'b'), count: fc.integer({ min: 1, max: 24 }) });
  const read = fc.record({ read: fc.integer({ min: 1, max: 30 }) });
  const kinds = { late: 0, lost: 0 };
  fc.assert(
    fc.property(fc.array(fc.oneof(append, read), { maxLength: 30 }), (steps) => {
      const { ours, all, ownBehind } = run(steps);
      if (ours.lost) {
        kinds.lost++;
        assert.ok(ownBehind > 0);
        return;
      }
      if (ownBehind > capacity) kinds.late++;
      assert.deepEqual(ours.revisions, all);
    }),
    { numRuns: 500 },
  );
  assert.ok(kinds.late > 0 && kinds.lost > 0, `both were met: ${JSON.stringify(kinds)}`);
});
