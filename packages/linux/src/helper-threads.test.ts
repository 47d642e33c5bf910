import assert from 'node:assert/strict';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { threadsNamed } from './thread-priority.ts';
import { helperThread, letHelpersGiveWay, nicer } from './helper-threads.ts';

test("V8's helpers give way to the main thread, and do so once however often it is said", () => {
  const own = getPriority();
  letHelpersGiveWay();
  letHelpersGiveWay();
  const helpers = threadsNamed(helperThread);
  assert.ok(helpers.length > 0, 'there are helpers');
  for (const thread of helpers) assert.equal(getPriority(thread), Math.min(19, own + nicer));
  assert.equal(getPriority(), own);
});
