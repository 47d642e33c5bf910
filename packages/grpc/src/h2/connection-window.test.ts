import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionWindow } from './connection-window.ts';
import { ConnectionError, ErrorCode } from './protocol.ts';

test('a connection window is widened when half of it is used', () => {
  const widened: number[] = [];
  const window = new ConnectionWindow(100_000, (bytes) => widened.push(bytes));
  for (let i = 0; i < 8; i++) window.received(16_000);
  assert.deepEqual(widened, [64_000, 64_000]);
});

// No frame is as long as half of a window that is allowed: of a whole connection this cannot be seen.
test('more than the connection window is an error of flow control', () => {
  const window = new ConnectionWindow(10_000, () => undefined);
  window.received(4_000);
  assert.throws(
    () => window.received(6_001),
    (error) => error instanceof ConnectionError && error.code === ErrorCode.FLOW_CONTROL_ERROR,
  );
});
