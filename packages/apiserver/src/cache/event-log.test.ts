import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoredObject } from '../storage/stored-object.ts';
import { EventLog } from './event-log.ts';
import { changeOf } from './watch-cache.ts';

const object = (revision: number, bytes: number): StoredObject =>
  new StoredObject('/registry/configmaps/default/a', Buffer.alloc(bytes), revision, 1);

/** A change of `bytes` at each of these revisions. */
function append(log: EventLog, from: number, count: number, bytes: number): void {
  let previous: StoredObject | undefined;
  for (let revision = from; revision < from + count; revision++) {
    const current = object(revision, bytes);
    log.append(changeOf(revision, previous, current));
    previous = current;
  }
}

/** Revisions that are still there. */
function kept(log: EventLog): number[] {
  const revisions: number[] = [];
  for (let sequence = 0; sequence < log.nextSequence; sequence++) {
    const event = log.at(sequence);
    if (event !== undefined && event !== 'lost') revisions.push(event.revision);
  }
  return revisions;
}

test('large changes are fewer, small ones as many as there may be', () => {
  const log = new EventLog(0, 1_000, 10_000);
  append(log, 1, 1_000, 10);
  assert.equal(kept(log).length, 1_000);
  assert.equal(log.floor, 0);
  append(log, 1_001, 100, 100);
  const revisions = kept(log);
  assert.ok(revisions.length < 1_000, String(revisions.length));
  assert.deepEqual(
    revisions.slice(-100),
    Array.from({ length: 100 }, (_, i) => 1_001 + i),
  );
  assert.equal(log.floor, (revisions[0] ?? 0) - 1, 'everything after the floor is there');
  assert.equal(log.after(log.floor - 1), undefined);
  // Bytes that went are given back: small ones fill it again.
  append(log, 1_101, 1_250, 1);
  assert.ok(kept(log).length >= 1_000, String(kept(log).length));
});

test('the newest changes are there however large they are', () => {
  const log = new EventLog(0, 1_000, 10_000);
  append(log, 1, 500, 9_000);
  assert.deepEqual(
    kept(log),
    Array.from({ length: 64 }, (_, i) => 437 + i),
  );
  const last = object(500, 9_000);
  log.append(changeOf(501, last, undefined));
  assert.equal(kept(log).length, 64, 'a deletion counts as what it took away');
});

test('what was encoded is kept of the newest changes only', () => {
  const log = new EventLog(0, 1_000);
  const events = Array.from({ length: 300 }, (_, i) => changeOf(i + 1, undefined, object(i + 1, 10)));
  for (const event of events) {
    event.encoded = new Map([['form', Buffer.alloc(10)]]);
    log.append(event);
  }
  assert.equal(events.filter(({ encoded }) => encoded !== undefined).length, 256);
  assert.equal(events[0]?.encoded, undefined);
  assert.notEqual(events.at(-1)?.encoded, undefined);
});

test('of older changes, what was encoded again is kept of as many', () => {
  const log = new EventLog(0, 1_000);
  const events = Array.from({ length: 1_000 }, (_, i) => changeOf(i + 1, undefined, object(i + 1, 10)));
  for (const event of events) log.append(event);
  // As a watcher that resumes at the beginning.
  for (const [sequence, event] of events.entries()) {
    event.encoded = new Map([['form', Buffer.alloc(10)]]);
    log.encoded(sequence);
  }
  const isKept = events.map(({ encoded }) => encoded !== undefined);
  assert.equal(isKept.indexOf(true), 1_000 - 512);
  assert.ok(!isKept.slice(1_000 - 512).includes(false), 'the newest of both');
  for (let revision = 1_001; revision <= 1_500; revision++)
    log.append(changeOf(revision, undefined, object(revision, 10)));
  log.encoded(600);
  assert.equal(
    events.filter(({ encoded }) => encoded !== undefined).length,
    255,
    'also when some are dropped',
  );
});
