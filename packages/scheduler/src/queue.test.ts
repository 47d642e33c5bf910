import type { Pod } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SchedulingQueue } from './queue.ts';

const times = { initialBackoffMs: 1_000, maxBackoffMs: 10_000, unschedulableMs: 60_000 };
const pod = (uid: string, priority = 0): Pod => ({
  metadata: { uid, name: uid },
  spec: { containers: [], priority },
});

function drain(queue: SchedulingQueue): string[] {
  const order: string[] = [];
  for (let next = queue.pop(); next !== undefined; next = queue.pop())
    order.push(next.pod.metadata?.uid ?? '');
  return order;
}

test('pods come out by priority, then in order of arrival', () => {
  const queue = new SchedulingQueue(times);
  for (const each of [pod('a'), pod('b', 10), pod('c'), pod('d', 10)]) queue.set(each, false);
  assert.deepEqual(drain(queue), ['b', 'd', 'a', 'c']);
});

test('a pod that failed comes back after a backoff that doubles up to its bound', () => {
  const queue = new SchedulingQueue(times);
  for (const [attempts, delay] of [
    [1, 1_000],
    [2, 2_000],
    [4, 8_000],
    [9, 10_000],
  ] as const) {
    queue.retry(pod('a'), attempts, 0);
    assert.equal(queue.flush(delay - 1), delay);
    assert.equal(queue.pop(), undefined);
    queue.flush(delay);
    assert.equal(queue.pop()?.attempts, attempts + 1);
  }
});

test('an unschedulable pod waits for the cluster to change, or for a minute', () => {
  const queue = new SchedulingQueue(times);
  queue.set(pod('a'), false);
  const first = queue.pop();
  assert.ok(first);
  queue.unschedulable(first.pod, first.attempts, first.moves, 0);
  queue.flush(50_000);
  assert.equal(queue.counts().unschedulable, 1);
  queue.moveAll(50_000, 'NodeAdd');
  const second = queue.pop();
  assert.ok(second);
  queue.unschedulable(second.pod, second.attempts, second.moves, 50_000);
  queue.flush(110_000);
  assert.equal(queue.counts().active, 1);
});

test('a change while a pod was being tried is not lost: it only backs off', () => {
  const queue = new SchedulingQueue(times);
  queue.set(pod('a'), false);
  const entry = queue.pop();
  assert.ok(entry);
  queue.moveAll(0, 'NodeAdd');
  queue.unschedulable(entry.pod, entry.attempts, entry.moves, 0);
  assert.deepEqual(queue.counts(), { active: 0, backoff: 1, unschedulable: 0 });
});

test('a deleted pod leaves the queue wherever it is', () => {
  const queue = new SchedulingQueue(times);
  queue.set(pod('a'), false);
  queue.retry(pod('b'), 1, 0);
  queue.delete('a');
  queue.delete('b');
  queue.flush(100_000);
  assert.deepEqual(drain(queue), []);
  assert.equal(queue.size, 0);
});
