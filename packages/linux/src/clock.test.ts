import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bootTimeMs } from './clock.ts';

test('boot time agrees with the kernel’s uptime and does not go backwards', () => {
  const first = bootTimeMs();
  const uptimeMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  const second = bootTimeMs();
  assert.ok(second >= first, `${second} < ${first}`);
  // /proc/uptime has two decimals.
  assert.ok(first - 20 <= uptimeMs && uptimeMs <= second + 20, `${first} <= ${uptimeMs} <= ${second}`);
});
