import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterVersionChange } from '../codecs.ts';
import type { PeerFrame } from '../peer-wire.ts';
import { VersionAgreement } from './agreement.ts';
import type { VersionRange } from './entry-versions.ts';

/** One member among a, b and c, whose network is a list. */
function member(range: VersionRange, decided?: number) {
  const sent: { to: string; frame: PeerFrame }[] = [];
  const proposed: ClusterVersionChange[] = [];
  const failures: string[] = [];
  let answer = (): void => undefined;
  const agreement = new VersionAgreement({
    self: 'a',
    range,
    decided: () => decided,
    members: () => ['a', 'b', 'c'],
    leads: () => true,
    send: (to, frame) => sent.push({ to, frame }) > 0,
    propose: (change) => {
      proposed.push(change);
      return new Promise((resolve) => (answer = () => resolve({})));
    },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    failed: (error) => failures.push(error.message),
  });
  return { agreement, sent, proposed, failures, answer: () => answer() };
}

const says = (max: number, decided = 0, asks = false) => ({ min: 1, max, decided, asks });

test('the leader asks whom it has not heard of, and proposes once it knows of all, one thing at a time', async () => {
  const { agreement, sent, proposed, answer } = member({ min: 1, max: 2 }, 1);
  agreement.told('b', says(2));
  agreement.look();
  assert.deepEqual(sent, [{ to: 'c', frame: { speaks: says(2, 1, true) } }]);
  assert.deepEqual(proposed, []);
  agreement.told('c', says(2));
  agreement.look();
  agreement.look();
  const change = { version: 2, members: ['a', 'b', 'c'] };
  assert.deepEqual(proposed, [change]);
  answer();
  await new Promise((resolve) => setImmediate(resolve));
  agreement.look();
  assert.deepEqual(proposed, [change, change]);
});

test('what a member spoke counts no longer once its connection is closed: it may come back as another release', () => {
  const { agreement, proposed } = member({ min: 1, max: 2 }, 1);
  agreement.told('b', says(2));
  agreement.told('c', says(2));
  agreement.closed('b');
  agreement.look();
  agreement.told('b', says(1));
  agreement.look();
  assert.deepEqual(proposed, []);
});

test('who asks is answered, and nonsense is not taken for an answer', () => {
  const { agreement, sent } = member({ min: 1, max: 2 });
  agreement.connected('b');
  agreement.told('b', says(2, 0, true));
  agreement.told('c', { min: 3, max: 1, decided: 0, asks: false });
  assert.deepEqual(
    sent.map(({ to, frame }) => [to, frame.speaks]),
    [
      ['b', says(2, 0, true)],
      ['b', says(2, 0, false)],
    ],
  );
  assert.equal(agreement.speaks('c'), undefined);
});

test('a member that hears of a decision beyond what it speaks ends, before an entry of it arrives', () => {
  const { agreement, failures } = member({ min: 1, max: 1 });
  agreement.told('b', says(2, 1));
  assert.deepEqual(failures, []);
  agreement.told('b', says(2, 2));
  assert.match(failures.join(), /at version 2 of its log, and this release speaks version 1: it is too old/);
});
