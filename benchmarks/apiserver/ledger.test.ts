import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report } from './ledger.ts';

const ours = {
  rows: [
    { name: 'get', cpu: 104.4, store: 20, perSecond: 7_839.3, p99Ms: 17.2 },
    { name: 'start', cpu: 50, mebibytes: 12.5 },
  ],
  figures: { get_cpu_us: 104.4, get_per_second: 7_839.3, start_mib: 12.5 },
};

test('alone, each row is what was measured, and nothing where nothing was', () => {
  const { columns, rows, figures } = report(ours);
  assert.equal(columns.length, 6);
  assert.deepEqual(rows, [
    ['get', 104, 20, 7839, 17.2, ''],
    ['start', 50, '', '', '', 12.5],
  ]);
  assert.equal(figures, ours.figures);
});

test('beside a peer, the server has a ratio, and so have server and store together', () => {
  const theirs = {
    rows: [{ name: 'get', cpu: 208.8, store: 0, perSecond: 4_000, p99Ms: 30 }],
    figures: { get_cpu_us: 208.8, get_per_second: 4_000, start_mib: 0 },
  };
  const { columns, rows, figures } = report(ours, theirs);
  for (const row of rows) assert.equal(row.length, columns.length);
  assert.deepEqual(rows[0], ['get', 104, 209, '0.50', 20, 0, '0.60', 7839, 4000, 17.2, 30, '', '']);
  assert.deepEqual(rows[1], ['start', 50, '', '', '', '', '', '', '', '', '', 12.5, '']);
  assert.deepEqual(figures, {
    ...ours.figures,
    peer_get_cpu_us: 208.8,
    peer_get_per_second: 4_000,
    peer_start_mib: 0,
    get_cpu_us_ratio: 0.5,
  });
});
