import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Writer } from '../self-writer.ts';
import type { ServerState } from '../server-state.ts';
import { portKey } from './allocations.ts';
import { repairAllocations } from './repair.ts';

/** A server whose store has a port for a service that is not there, as far as a repair looks at it. */
function serverWithPortLeft(succeeded: boolean, told: unknown[]): ServerState {
  const none = { has: () => false, get: () => undefined, getRange: () => [] };
  const left = { key: Buffer.from(portKey(30_071)), value: Buffer.from('default/gone'), modRevision: 7 };
  const server = {
    root: '/registry/',
    allocations: { defaultRange: { cidr: '10.96.0.0/16' } },
    registry: {
      lookup: (_group: string, _version: string, resource: string) => ({
        resource,
        storagePrefix: resource,
        namespaced: resource === 'services',
      }),
    },
    cache: { resource: () => ({ index: none }), unreadable: () => undefined },
    reads: { reached: () => Promise.resolve() },
    store: {
      range: () => Promise.resolve({ kvs: [left], header: { revision: 9 } }),
      txn: () => Promise.resolve({ succeeded }),
    },
    log: { info: (about: unknown) => void told.push(about) },
  };
  return server as unknown as ServerState;
}

test('a port is said to have been given back when it was', async () => {
  const writer = { create: () => Promise.resolve() } as unknown as Writer;
  const told: unknown[] = [];
  await repairAllocations(writer, serverWithPortLeft(false, told));
  assert.deepEqual(told, [], 'somebody has changed it meanwhile');
  await repairAllocations(writer, serverWithPortLeft(true, told));
  assert.deepEqual(told, [{ port: 30_071, service: 'default/gone' }]);
});
