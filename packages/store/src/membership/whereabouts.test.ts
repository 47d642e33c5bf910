import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Whereabouts } from './whereabouts.ts';

const before = 'http://10.0.0.1:2380';
const after = 'http://10.0.0.2:2380';

/** Of a member m that answers at `at.now` only, seen by one whose clock runs when told. */
function seen(at: { now: string | undefined }): {
  whereabouts: Whereabouts;
  tried: string[];
  look: () => void;
  waits: () => boolean;
} {
  const tried: string[] = [];
  let waiting: (() => void) | undefined;
  const whereabouts = new Whereabouts({
    clock: {
      after: (_ms, run) => {
        waiting = run;
        return () => (waiting = undefined);
      },
    },
    connected: () => tried.length > 0 && tried.at(-1) === at.now,
    connect: (_id, url) => tried.push(url),
  });
  const look = (): void => {
    const run = waiting;
    waiting = undefined;
    run?.();
  };
  return { whereabouts, tried, look, waits: () => waiting !== undefined };
}

test('a member that was away while another moved finds it where it says itself that it is', () => {
  const { whereabouts, tried } = seen({ now: after });
  whereabouts.told('m', before);
  whereabouts.said('m', [after]);
  assert.deepEqual(tried, [before, after]);
});

test('a connection that works stays while a member is about to move, and its next place is tried when it ends', () => {
  const at: { now: string | undefined } = { now: before };
  const { whereabouts, tried, look, waits } = seen(at);
  whereabouts.told('m', before);
  whereabouts.told('m', after);
  look();
  assert.deepEqual(tried, [before], 'it is still there');
  at.now = undefined;
  look();
  look();
  assert.deepEqual(tried, [before, after, before], 'it may have come back to where it was');
  at.now = after;
  look();
  look();
  assert.deepEqual(tried, [before, after, before, after]);
  whereabouts.said('m', [after]);
  look();
  assert.ok(!waits(), 'nothing is left to look after');
});

test('a connection whose other end is gone unnoticed is given up for the new place once that shows', () => {
  const at: { now: string | undefined } = { now: before };
  const { whereabouts, tried, look } = seen(at);
  whereabouts.told('m', before);
  whereabouts.said('m', [after]);
  look();
  assert.deepEqual(tried, [before]);
  at.now = after;
  look();
  assert.deepEqual(tried, [before, after]);
});

test('an address that leads nowhere costs no connection, whoever says it', () => {
  const { whereabouts, tried, look } = seen({ now: before });
  whereabouts.told('m', before);
  whereabouts.said('m', [after]);
  whereabouts.expected('m', after);
  look();
  assert.deepEqual(tried, [before]);
});

test('of many places the newest few are tried, and none any more once it says that the log is right', () => {
  const { whereabouts, tried, look, waits } = seen({ now: undefined });
  const place = (i: number): string => `http://10.0.0.${i}:2380`;
  whereabouts.told('m', place(0));
  for (let i = 1; i <= 5; i += 1) whereabouts.expected('m', place(i));
  whereabouts.told('m', place(6));
  tried.length = 0;
  for (let i = 0; i < 8; i += 1) look();
  const round = [place(0), place(5), place(4), place(6)];
  assert.deepEqual(tried, [...round, ...round]);
  whereabouts.said('m', [place(6)]);
  look();
  assert.ok(!waits());
});

test('what the log has not committed is tried, and what it told before again', () => {
  const { whereabouts, tried, look } = seen({ now: before });
  whereabouts.told('m', after);
  whereabouts.expected('m', before);
  whereabouts.expected('m', after);
  look();
  assert.deepEqual(tried, [after, before]);
  whereabouts.said('m', [after]);
  assert.deepEqual(tried, [after, before, after], 'it says that the log is right');
});

test('where old flags say that it is, it is looked for after everywhere else', () => {
  const at: { now: string | undefined } = { now: undefined };
  const { whereabouts, tried, look, waits } = seen(at);
  whereabouts.told('m', before);
  whereabouts.expected('m', 'http://10.0.0.3:2380');
  whereabouts.suggested('m', after);
  whereabouts.suggested('m', before);
  for (let i = 0; i < 3; i += 1) look();
  assert.deepEqual(tried, [before, 'http://10.0.0.3:2380', after, before, 'http://10.0.0.3:2380']);
  at.now = after;
  for (let i = 0; i < 3; i += 1) look();
  assert.equal(tried.at(-1), after, 'found, and no place is tried any more');
  assert.equal(tried.length, 6);
  whereabouts.told('m', after);
  whereabouts.said('m', [after]);
  look();
  assert.ok(!waits());
});

test('nobody is looked for who is not linked, or not any more', () => {
  const { whereabouts, tried, look, waits } = seen({ now: undefined });
  whereabouts.said('m', [after]);
  whereabouts.expected('m', after);
  assert.deepEqual(tried, []);
  whereabouts.told('m', before);
  whereabouts.said('m', [after]);
  whereabouts.forget('m');
  look();
  assert.deepEqual(tried, [before, after]);
  assert.ok(!whereabouts.has('m') && !waits());
});
