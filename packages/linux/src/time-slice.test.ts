import assert from 'node:assert/strict';
import { release } from 'node:os';
import { test } from 'node:test';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { setTimeSlice, timeSlice } from './time-slice.ts';

const [major = 0, minor = 0] = release().split('.').map(Number);
const skip =
  process.platform === 'linux' && (major > 6 || (major === 6 && minor >= 12))
    ? false
    : `threads choose their slices from Linux 6.12 on, this is ${release()}`;

test('a thread takes a slice of its own and gives it back', { skip }, () => {
  const usual = timeSlice(0);
  assert.ok(usual !== undefined && usual >= 100, `${usual} microseconds`);
  assert.equal(setTimeSlice(process.pid, 100), true);
  assert.equal(timeSlice(process.pid), 100);
  assert.equal(timeSlice(0), 100);
  assert.equal(setTimeSlice(0, undefined), true);
  assert.equal(timeSlice(0), usual);
});

test('what a thread begins takes after it', { skip }, async () => {
  assert.equal(setTimeSlice(0, 300), true);
  try {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       import(${JSON.stringify(new URL('./time-slice.ts', import.meta.url).href)})
         .then(({ timeSlice }) => parentPort.postMessage(timeSlice(0)));`,
      { eval: true },
    );
    const [slice] = await once(worker, 'message');
    await worker.terminate();
    assert.equal(slice, 300);
  } finally {
    setTimeSlice(0, undefined);
  }
});

test('a thread that does not exist has none', () => {
  assert.equal(timeSlice(2 ** 30), undefined);
  assert.equal(setTimeSlice(2 ** 30, 100), false);
});
