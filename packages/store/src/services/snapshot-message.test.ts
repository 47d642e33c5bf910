import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maintenanceService } from '../client-services.ts';
import { encodedInPlace, type SnapshotResponse } from './snapshot-message.ts';

const codec = maintenanceService.methods['snapshot']?.response;

test('a response is put around its blob where that lies, whatever the length, or not at all', () => {
  assert.ok(codec !== undefined);
  const header = { clusterId: 2n ** 64n - 1n, memberId: 7n, revision: 2 ** 40, raftTerm: 3 };
  for (const length of [1, 127, 128, 16_383, 16_384, 65_536]) {
    const memory = Buffer.alloc(512 + length, 'b');
    const response = {
      header,
      remainingBytes: 2 ** 33,
      version: '3.5.21',
      blob: memory.subarray(512),
    } as unknown as SnapshotResponse;
    const usual = codec.encode(response);
    const message = encodedInPlace(response, 512);
    assert.ok(message !== undefined);
    assert.equal(message.buffer, memory.buffer);
    assert.deepEqual(codec.decode(message), codec.decode(usual));
    assert.equal(message.length, usual.length);
    const front = message.length - length;
    assert.ok(encodedInPlace(response, front) !== undefined);
    assert.equal(encodedInPlace(response, front - 1), undefined);
  }
});
