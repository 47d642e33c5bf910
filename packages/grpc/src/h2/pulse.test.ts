import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pulse } from './pulse.ts';

test('who answers nothing is dead after as many questions as were allowed, and any byte begins the count anew', () => {
  const pulse = new Pulse(3);
  const beats = (count: number): string[] => Array.from({ length: count }, () => pulse.beat());
  assert.deepEqual(beats(3), ['ask', 'ask', 'ask']);
  pulse.heard();
  assert.deepEqual(beats(4), ['ask', 'ask', 'ask', 'dead']);
});
