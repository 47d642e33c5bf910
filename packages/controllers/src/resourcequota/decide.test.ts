import type { ResourceQuota } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, type QuotaDecision } from './decide.ts';

const hard = { pods: '3', secrets: '2' };
const quota = (status?: ResourceQuota['status']): ResourceQuota => ({
  spec: { hard },
  ...(status === undefined ? {} : { status }),
});

test('the status of a quota says what is limited and what was counted', () => {
  const cases: readonly [ResourceQuota, Record<string, string>, QuotaDecision][] = [
    [
      quota(),
      { pods: '1', secrets: '0' },
      { status: { hard, used: { pods: '1', secrets: '0' } }, lowered: ['pods', 'secrets'] },
    ],
    [
      quota({ hard, used: { pods: '1', secrets: '0' } }),
      { pods: '1', secrets: '0' },
      { status: undefined, lowered: [] },
    ],
    [
      quota({ hard, used: { pods: '2', secrets: '1' } }),
      { pods: '1', secrets: '2' },
      { status: { hard, used: { pods: '1', secrets: '2' } }, lowered: ['pods'] },
    ],
    // Amounts may be spelled in many ways.
    [
      quota({ hard: { pods: '3000m', secrets: '2' }, used: { pods: '1000m', secrets: '0' } }),
      { pods: '1', secrets: '0' },
      { status: undefined, lowered: [] },
    ],
    // A limit that its owner took back is forgotten, and what nobody measures stays.
    [
      quota({ hard: { ...hard, services: '1' }, used: { pods: '1', secrets: '7', services: '1' } }),
      { pods: '1' },
      { status: { hard, used: { pods: '1', secrets: '7' } }, lowered: [] },
    ],
  ];
  for (const [given, counted, expected] of cases) assert.deepEqual(decide(given, counted), expected);
});
