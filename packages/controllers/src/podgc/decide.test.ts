import type { Pod, PodPhase } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from './decide.ts';

const pod = (name: string, nodeName: string, phase: PodPhase = 'Running', deleting = false): Pod => ({
  metadata: {
    name,
    creationTimestamp: `2026-01-01T00:00:0${name}Z`,
    ...(deleting ? { deletionTimestamp: '2026-01-01T00:01:00Z' } : {}),
  },
  spec: { containers: [], nodeName },
  status: { phase },
});

test('pods of nodes that are gone long enough, stranded ones and finished ones in excess are removed', () => {
  const pods = [
    pod('1', 'here'),
    pod('2', 'gone'),
    pod('3', 'justgone'),
    pod('4', '', 'Pending', true),
    pod('5', '', 'Pending'),
    pod('6', 'here', 'Succeeded'),
    pod('7', 'here', 'Failed'),
  ];
  const { remove } = decide({
    pods,
    nodes: new Set(['here']),
    missingForMs: (node) => (node === 'gone' ? 60_000 : 1_000),
    quarantineMs: 10_000,
    terminatedPodThreshold: 1,
  });
  assert.deepEqual(
    remove.map(({ pod: { metadata }, reason }) => `${metadata?.name} ${reason}`),
    ['2 orphaned', '4 unscheduled', '6 terminated'],
  );
});
